"""Raw bytes of any dialect → what they are: a post, a control message, a gap note, or dead, and why.

No Spark in here: the executors, the collector and the tests call the same functions.
"""

import re
from collections.abc import Callable

from counting.formats import hashtide, text, x
from counting.formats.details import Details
from counting.formats.parsed import (
    KEEP_ALIVE,
    NO_VALUE,
    UNKNOWN_DIALECT,
    UNKNOWN_SOURCE,
    Parsed,
    Rejected,
)

_PARSERS: dict[str, Callable[[bytes], Parsed]] = {
    x.SOURCE: x.parse,
    text.SOURCE: text.parse,
    hashtide.SOURCE: hashtide.parse,
}
_LITERALS = (b"null", b"true", b"false")
_BOM = b"\xef\xbb\xbf"
_OUR_NOTE = re.compile(rb'\s*\{\s*"hashtide"\s*:')


def parse(dialect: str | None, raw: bytes | None) -> Parsed:
    """What a record is. Never raises: what is not understood is dead, with the reason as its term.

    Args:
        dialect: the record's header `dialect`; None where it has none, then the shape decides.
        raw: the record's value.
    """
    if raw is None:
        return Parsed("dead", _known(dialect), term=NO_VALUE)
    if not raw or raw.isspace():
        return Parsed("control", _known(dialect), term=KEEP_ALIVE)
    spoken = dialect if dialect is not None else recognise(raw)
    parser = _PARSERS.get(spoken)
    if parser is None:
        return Parsed("dead", UNKNOWN_SOURCE, term=UNKNOWN_DIALECT)
    try:
        return parser(raw)
    except Rejected as why:
        return Parsed("dead", spoken, term=str(why))


def post_key(dialect: str | None, raw: bytes) -> str | None:
    """The identity of a post, `x:123`, as `parse` would name it, at less cost.

    None where the record is no post, or a post without an id of its own (plain text).
    """
    if dialect is None and raw:
        dialect = recognise(raw)
    return x.post_id(raw) if dialect == x.SOURCE and raw else None


def describe(dialect: str | None, raw: bytes) -> Details | None:
    """Who wrote a post, and where; None where the record is no post. Never raises."""
    return Details() if parse(dialect, raw).kind == "post" else None


def recognise(raw: bytes) -> str:
    """The dialect by the record's shape: JSON is X's or our own note, everything else is text."""
    if not raw.startswith(b"{"):
        raw = raw.removeprefix(_BOM).strip()
        if not raw.startswith((b"{", b"[")) and raw not in _LITERALS:
            return text.SOURCE
    return hashtide.SOURCE if _OUR_NOTE.match(raw) else x.SOURCE


def _known(dialect: str | None) -> str:
    return dialect if dialect in _PARSERS else UNKNOWN_SOURCE
