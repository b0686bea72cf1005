"""HTML of posts → text. Servers have sanitised it, so only a few tags are left, closed and quoted."""

import re
from html import unescape

_BREAKS = re.compile(
    r"address|article|aside|blockquote|br|dd|div|dl|dt|figcaption|figure|footer|h[1-6]|header|hr|li|main|nav|ol|p|pre"
    r"|section|table|td|th|tr|ul",
    re.IGNORECASE,
)
# Possessive repetitions: each tag is scanned once. html.parser needs 7 s for 30,000 bytes of `<a `, and six times as
# long as this for a typical post.
_TAG = re.compile(r"""<(?:[!?]|/?([a-zA-Z][a-zA-Z0-9]*+))(?:(?:"[^"]*"|'[^']*'|[^'"<>])*+|[^<>]*+)>""")


def text_of(html: str) -> str:
    """The visible text: a line for each block element or `<br>`, without blank lines; other tags are dropped."""
    if "<" in html:
        lines = _TAG.sub(_instead, html).split("\n")
        html = "\n".join(line for line in map(str.strip, lines) if line)
    return unescape(html) if "&" in html else html


def _instead(tag: re.Match[str]) -> str:
    return "\n" if tag[1] is not None and _BREAKS.fullmatch(tag[1]) else ""
