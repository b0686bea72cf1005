"""Raw bytes of any dialect → what they are: a post, a control message, a gap note, or dead, and why.

No Spark in here: the executors, the collector and the tests call the same functions.
"""

import importlib
from collections.abc import Callable
from typing import NamedTuple

from contract.sources import NOTES, Dialect, dialects
from formats.details import Details
from formats.parsed import KEEP_ALIVE, NO_VALUE, TOO_DEEP, UNKNOWN_DIALECT, UNKNOWN_SOURCE, Parsed, Rejected
from formats.shapes import recognise


class _Format(NamedTuple):
    """What a dialect's module offers; without post_id and describe its posts have no id and no author."""

    parse: Callable[[bytes], Parsed]
    post_id: Callable[[bytes], str | None] | None = None
    describe: Callable[[bytes], Details | None] | None = None


def _format_of(dialect: Dialect) -> _Format:
    module = importlib.import_module(dialect.format)
    return _Format(module.parse, getattr(module, "post_id", None), getattr(module, "describe", None))


_FORMATS = {each.name: _format_of(each) for each in (*dialects().values(), NOTES)}


def parse(dialect: str | None, raw: bytes | None) -> Parsed:
    """What a record is. Never raises: what is not understood is dead, with the reason as its term.

    Args:
        dialect: the record's header `dialect`; None where it has none, then the shape decides.
        raw: the record's value.
    """
    spoken = dialect
    if dialect is None and raw:
        spoken, raw = recognise(raw)
    if raw is None:
        return Parsed("dead", _known(dialect), term=NO_VALUE)
    if not raw or raw.isspace():
        return Parsed("control", _known(dialect), term=KEEP_ALIVE)
    parser = _FORMATS.get(spoken or "")
    if parser is None or spoken is None:
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
    inner: bytes | None = raw
    if dialect is None:
        dialect, inner = recognise(raw)
    known = _FORMATS.get(dialect)
    if known is None or known.post_id is None or not inner:
        return None
    try:
        return known.post_id(inner)
    except RecursionError:
        return None


def describe(dialect: str | None, raw: bytes) -> Details | None:
    """Who wrote a post, and where; None where the record is no post. Never raises."""
    spoken, inner = (dialect, raw) if dialect is not None else recognise(raw)
    known = _FORMATS.get(spoken)
    if not inner or known is None:
        return None
    try:
        if known.describe is not None:
            return known.describe(inner)
    except (Rejected, RecursionError):
        return None
    return Details() if parse(spoken, inner).kind == "post" else None


def _known(dialect: str | None) -> str:
    return dialect if dialect in _FORMATS else UNKNOWN_SOURCE
