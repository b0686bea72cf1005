"""Translates a selection into X's rules, and keeps the rules at X equal to it.

Grammar and limits: developer documentation of X, "Build a rule" (filtered stream).
"""

import itertools
import logging
import math
from typing import Any, Protocol

import regex
from tweepy import StreamRule

from collecting.filtering.selection import Box, Selection
from collecting.source_api import SourceError
from collecting.sources.x.policy import Failed

log = logging.getLogger(__name__)

MOST_RULES = 1000
LONGEST_RULE = 1024
TAG = "hashtide"
CALL_RULES = 100  # in one call
TILE_KM = 40.0  # a bounding_box must be less than 25 miles (40.2 km) wide and high
_KM_PER_DEGREE = 111.7  # of latitude, at the poles, where it is longest
_UNQUOTABLE = regex.compile(r'["\\\p{Cc}\p{Zl}\p{Zp}]')
_HASHTAG = regex.compile(r"[\p{L}\p{M}\p{Nd}_\u200c\u200d\u00b7\u30fb]+")


def rules_for(selection: Selection, *, place: str | None = None, geo: bool = False) -> tuple[str, ...]:
    """The fewest rules that together match the selection; each at most 1,024 characters.

    A rule joins the alternatives of each key: `("new york" OR "rain") (lang:en OR lang:de) has:geo`.

    Raises:
        SourceError: an empty selection, text that X cannot quote, or more rules than X accepts.
    """
    if not (selection.terms or selection.hashtags or selection.box or place):
        raise SourceError("source x: give terms, hashtags, box or place: X streams only what a rule asks for")
    groups = [
        [f'"{_quotable(" ".join(term.split()))}"' for term in selection.terms],
        [f"#{_hashtag(tag)}" for tag in selection.hashtags],
        [f'place:"{_quotable(place)}"'] if place else [],
        _tiles(selection.box) if selection.box else [],
        [f"lang:{lang.lower()}" for lang in selection.langs],
        ["has:geo"] if geo else [],
    ]
    return _joined([list(dict.fromkeys(group)) for group in groups if group])


def _quotable(text: str) -> str:
    """The text in quotes, where operators have no meaning."""
    if not text.strip() or _UNQUOTABLE.search(text):
        raise SourceError(f"source x: {text!r} cannot stand in a rule: no quotes, backslashes or control characters")
    return text


def _hashtag(tag: str) -> str:
    if not _HASHTAG.fullmatch(tag):
        raise SourceError(f"source x: {tag!r} is not a hashtag: letters, marks, digits and _ only")
    return tag


def _joined(groups: list[list[str]]) -> tuple[str, ...]:
    """Combines every piece of a group with every piece of the others."""
    pieces = [_pieces(group, room) for group, room in zip(groups, _rooms(groups), strict=True)]
    count = math.prod(len(each) for each in pieces)
    if count > MOST_RULES:
        raise SourceError(f"source x: this needs {count} rules of {LONGEST_RULE} characters; X takes {MOST_RULES}")
    return tuple(" ".join(parts) for parts in itertools.product(*pieces))


def _rooms(groups: list[list[str]]) -> list[int]:
    """Each group's share of a rule's length: at least its longest alternative, the rest split evenly."""
    lengths = [max(map(_length, group)) for group in groups]
    left = LONGEST_RULE - sum(lengths) - (len(groups) - 1)
    if left < 0:
        raise SourceError(f"source x: one alternative of each key takes more than a rule's {LONGEST_RULE} characters")
    wanted = [_length(_either(group)) for group in groups]
    by_need = sorted(range(len(groups)), key=lambda n: wanted[n] - lengths[n])
    for served, n in enumerate(by_need):
        more = min(left // (len(groups) - served), wanted[n] - lengths[n])
        lengths[n], left = lengths[n] + more, left - more
    return lengths


def _pieces(group: list[str], room: int) -> list[str]:
    """The alternatives in as few expressions as fit the length."""
    pieces: list[list[str]] = []
    length = 0
    for clause in group:
        longer = length + len(" OR ") + _length(clause)
        if pieces and longer <= room:
            pieces[-1].append(clause)
            length = longer
        else:
            pieces.append([clause])
            length = len("()") + _length(clause)
    return [_either(piece) for piece in pieces]


def _either(clauses: list[str]) -> str:
    return clauses[0] if len(clauses) == 1 else f"({' OR '.join(clauses)})"


def _length(text: str) -> int:
    """Length in UTF-16 units: X does not say what it counts, and no other way of counting gives more."""
    return len(text.encode("utf-16-le")) // 2


def _tiles(box: Box) -> list[str]:
    """Splits the box into boxes of X's size, in rows from south to north. West > east: across the 180th meridian."""
    west, south, east, north = box
    spans = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    rows = max(1, math.ceil((north - south) * _KM_PER_DEGREE / TILE_KM))
    if rows > MOST_RULES * LONGEST_RULE:
        raise SourceError("source x: the box is too large")
    tiles: list[str] = []
    for row in range(rows):
        low, high = (south + (north - south) * n / rows for n in (row, row + 1))
        nearest = 0.0 if low <= 0 <= high else min(abs(low), abs(high))  # towards the equator, where it is widest
        km_per_degree = _KM_PER_DEGREE * math.cos(math.radians(nearest))
        for begin, end in spans:
            columns = max(1, math.ceil((end - begin) * km_per_degree / TILE_KM))
            edges = [begin + (end - begin) * n / columns for n in range(columns + 1)]
            tiles += [_tile(a, low, b, high) for a, b in itertools.pairwise(edges)]
        if len(tiles) > MOST_RULES * 20:  # 20 of the shortest fit into a rule
            raise SourceError(f"source x: the box takes more than {len(tiles)} boxes of 25 miles; X takes 1,000 rules")
    return tiles


def _tile(*edges: float) -> str:
    return f"bounding_box:[{' '.join(f'{edge:.5f}'.rstrip('0').rstrip('.') for edge in edges)}]"


class RulesCalls(Protocol):
    """The part of tweepy's client for rules; answers are X's JSON."""

    def get_rules(self) -> Any: ...  # noqa: D102
    def add_rules(self, add: list[StreamRule]) -> Any: ...  # noqa: D102
    def delete_rules(self, ids: list[str]) -> Any: ...  # noqa: D102


def keep_in_line(client: RulesCalls, values: tuple[str, ...]) -> None:
    """Makes X's rules exactly these: all others of this key are removed, whoever made them, and logged.

    Raises:
        Failed: X failed this time; a retry may work.
        SourceError: X refuses a rule.
    """
    wanted = {value: f"{TAG}:{n}" for n, value in enumerate(values, 1)}
    stale: list[str] = []
    for rule in _listed(client.get_rules()):
        value = rule.get("value", "")
        if value in wanted and wanted[value] == rule.get("tag"):
            del wanted[value]
            continue
        stale.append(str(rule.get("id")))
        if not str(rule.get("tag", "")).startswith(f"{TAG}:"):
            log.warning("a rule that is not ours is removed: %r, tag %r", rule.get("value"), rule.get("tag"))
    for ids in _batches(stale):
        left = _summary(client.delete_rules(ids)).get("not_deleted", 0)
        if left:
            raise Failed(f"X did not remove {left} of {len(ids)} rules")
    for some in _batches(list(wanted.items())):
        _check_added(client.add_rules([StreamRule(value=value, tag=tag) for value, tag in some]), len(some))
    if stale or wanted:
        log.info("rules: %d removed, %d added, %d in all", len(stale), len(wanted), len(values))


def _batches(items: list[Any]) -> list[list[Any]]:
    return [items[n : n + CALL_RULES] for n in range(0, len(items), CALL_RULES)]


def _listed(answer: Any) -> list[dict[str, Any]]:
    rules = answer.get("data") if isinstance(answer, dict) else None
    return [rule for rule in rules or [] if isinstance(rule, dict)]


def _summary(answer: Any) -> dict[str, Any]:
    summary = (answer.get("meta") or {}).get("summary") if isinstance(answer, dict) else None
    return summary if isinstance(summary, dict) else {}


def _check_added(answer: Any, count: int) -> None:
    errors = answer.get("errors") if isinstance(answer, dict) else None
    if errors:
        first = errors[0] if isinstance(errors[0], dict) else {}
        if first.get("title") == "DuplicateRule":  # removed, but not yet everywhere
            raise Failed(f"X still has the rule {first.get('value')!r}")
        detail = "; ".join(map(str, first.get("details") or [first.get("detail") or first.get("title")]))
        raise SourceError(f"source x: X refuses the rule {first.get('value')!r}: {detail}")
    if _summary(answer).get("created", count) != count:
        raise Failed(f"X added {_summary(answer).get('created')} of {count} rules")
