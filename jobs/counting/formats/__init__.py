"""Raw bytes of any dialect → what they are: a post, a control message, a gap note, or dead, and why.

No Spark in here: the executors, the collector and the tests call the same functions.
"""

from collections.abc import Callable
from typing import NamedTuple

from counting.formats import connect, hashtide, jetstream, mastodon, text, x, x_details
from counting.formats.details import Details
from counting.formats.parsed import (
    KEEP_ALIVE,
    NO_VALUE,
    TOO_DEEP,
    UNKNOWN_DIALECT,
    UNKNOWN_SOURCE,
    Parsed,
    Rejected,
)
from counting.formats.shapes import recognise


class _Dialect(NamedTuple):
    parse: Callable[[bytes], Parsed]
    post_id: Callable[[bytes], str | None] | None = None
    describe: Callable[[bytes], Details | None] | None = None


_DIALECTS = {
    x.SOURCE: _Dialect(x.parse, x.post_id, x_details.describe),
    jetstream.SOURCE: _Dialect(jetstream.parse, jetstream.post_id, jetstream.describe),
    mastodon.SOURCE: _Dialect(mastodon.parse, mastodon.post_id, mastodon.describe),
    text.SOURCE: _Dialect(text.parse),
    hashtide.SOURCE: _Dialect(hashtide.parse),
}


def parse(dialect: str | None, raw: bytes | None) -> Parsed:
    """What a record is. Never raises: what is not understood is dead, with the reason as its term.

    Args:
        dialect: the record's header `dialect`; None where it has none, then the shape decides.
        raw: the record's value.
    """
    if dialect is None and raw:
        raw = connect.unwrap(raw)
    if raw is None:
        return Parsed("dead", _known(dialect), term=NO_VALUE)
    if not raw or raw.isspace():
        return Parsed("control", _known(dialect), term=KEEP_ALIVE)
    spoken = dialect if dialect is not None else recognise(raw)
    parser = _DIALECTS.get(spoken)
    if parser is None:
        return Parsed("dead", UNKNOWN_SOURCE, term=UNKNOWN_DIALECT)
    try:
        return parser.parse(raw)
    except Rejected as why:
        return Parsed("dead", spoken, term=str(why))
    except RecursionError:
        return Parsed("dead", spoken, term=TOO_DEEP)


def post_key(dialect: str | None, raw: bytes) -> str | None:
    """The identity of a post, `x:123`, as `parse` would name it, at less cost.

    None where the record is no post, or a post without an id of its own (plain text).
    """
    spoken, raw = _spoken(dialect, raw)
    if not raw or spoken not in _DIALECTS:
        return None
    post_id = _DIALECTS[spoken].post_id
    try:
        return post_id(raw) if post_id is not None else None
    except RecursionError:
        return None


def describe(dialect: str | None, raw: bytes) -> Details | None:
    """Who wrote a post, and where; None where the record is no post. Never raises."""
    spoken, raw = _spoken(dialect, raw)
    if not raw or raw.isspace() or spoken not in _DIALECTS:
        return None
    read = _DIALECTS[spoken].describe
    try:
        if read is not None:
            return read(raw)
    except (Rejected, RecursionError):
        return None
    return Details() if parse(spoken, raw).kind == "post" else None


def _spoken(dialect: str | None, raw: bytes) -> tuple[str, bytes]:
    """The dialect that a record is read as, and what is read."""
    if dialect is not None or not raw:
        return dialect or "", raw
    raw = connect.unwrap(raw) or b""
    return recognise(raw) if raw else "", raw


def _known(dialect: str | None) -> str:
    return dialect if dialect in _DIALECTS else UNKNOWN_SOURCE
