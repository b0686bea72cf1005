"""How the fake X reads a rule: a tokenizer of its own, which shares no code with what writes the rules.

Grammar: developer documentation of X, "Build a rule" (filtered stream).
"""

import re

LONGEST_RULE = 1024
STANDALONE = {"phrase", "hashtag", "keyword", "place", "bounding_box"}
_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<open>-?\()
    | (?P<close>\))
    | (?P<bounding_box>bounding_box:\[-?[\d.]+\ -?[\d.]+\ -?[\d.]+\ -?[\d.]+\])
    | (?P<place>place:(?:"[^"\\]+"|\w+))
    | (?P<lang>lang:[a-z][a-z-]+)
    | (?P<has>has:[a-z]+)
    | (?P<other>-?[a-z_]+:\S+)
    | (?P<phrase>"[^"\\]+"(?![~\w"]))
    | (?P<hashtag>[#＃][^\s()"\\:]+)
    | (?P<or>OR(?=\s))
    | (?P<keyword>[^\s()"\\:]+)
    """,
    re.VERBOSE,
)


class InvalidRule(ValueError):  # noqa: N818 - X names it so
    """X would refuse it; says why."""


def tokens(rule: str) -> list[tuple[str, str]]:
    """Kind and text of each token, without the white space.

    Raises:
        InvalidRule: X would refuse it.
    """
    if not 0 < len(rule) <= LONGEST_RULE:
        raise InvalidRule(f"Rules must be between 1 and {LONGEST_RULE} characters, this has {len(rule)}")
    found: list[tuple[str, str]] = []
    at = depth = 0
    while at < len(rule):
        match = _TOKEN.match(rule, at)
        if match is None:
            raise InvalidRule(f"no viable alternative at character {rule[at]!r} (at position {at + 1})")
        kind, at = str(match.lastgroup), match.end()
        depth += {"open": 1, "close": -1}.get(kind, 0)
        if depth < 0:
            raise InvalidRule(f"extraneous input ')' (at position {at})")
        if kind != "space":
            found.append((kind, match[0]))
    if depth:
        raise InvalidRule("missing ')' at '<EOF>'")
    if not any(kind in STANDALONE for kind, _ in found):
        raise InvalidRule("Rules must contain at least one standalone operator")
    return found
