"""Raw bytes of any dialect → what they are: a post, a control message, a gap note, or dead, and why.

No Spark in here: the executors, the collector and the tests call the same functions.
"""

import importlib
from collections.abc import Callable
from typing import NamedTuple

from contract.sources import NOTES, Dialect, dialects
from formats.details import Details
from formats.faults import MACHINE_FAULTS, log_once
from formats.parsed import (
    KEEP_ALIVE,
    NO_VALUE,
    TOO_DEEP,
    UNKNOWN_DIALECT,
    UNKNOWN_SOURCE,
    UNREADABLE,
    Parsed,
    Rejected,
)
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
    """What a record is. Never raises for a record: what is not understood is dead, with the reason as its term.

    Args:
        dialect: the record's header `dialect`; None where it has none, then the shape decides.
        raw: the record's value.
    """
    spoken = dialect
    try:
        if dialect is None and raw:
            spoken, raw = recognise(raw)
        return _parse(dialect, spoken, raw)
    except Rejected as why:
        return dead(spoken, str(why))
    except RecursionError:
        return dead(spoken, TOO_DEEP)
    except MACHINE_FAULTS:
        raise
    except Exception:  # a record that a format has a mistake for must not stop all those behind it
        log_once("a record cannot be parsed")
        return dead(spoken, UNREADABLE)


def _parse(dialect: str | None, spoken: str | None, raw: bytes | None) -> Parsed:
    if raw is None:
        return dead(dialect, NO_VALUE)
    if not raw or raw.isspace():
        return Parsed("control", _known(dialect), term=KEEP_ALIVE)
    parser = _FORMATS.get(spoken or "")
    return dead(spoken, UNKNOWN_DIALECT) if parser is None else parser.parse(raw)


def dead(dialect: str | None, reason: str) -> Parsed:
    """A record that is not understood, whole: nothing of what was understood before counts."""
    return Parsed("dead", _known(dialect), term=reason)


def post_key(dialect: str | None, raw: bytes) -> str | None:
    """The identity of a post, `x:123`, as `parse` would name it, at less cost. Never raises for a record.

    None where the record is no post, or a post without an id of its own (plain text).
    """
    inner: bytes | None = raw
    try:
        if dialect is None:
            dialect, inner = recognise(raw)
        known = _FORMATS.get(dialect)
        return known.post_id(inner) if known is not None and known.post_id is not None and inner else None
    except RecursionError:
        return None
    except MACHINE_FAULTS:
        raise
    except Exception:
        log_once("a record's id cannot be read")
        return None


def describe(dialect: str | None, raw: bytes) -> Details | None:
    """Who wrote a post, and where; None where the record is no post. Never raises for a record."""
    try:
        return _describe(dialect, raw)
    except (Rejected, RecursionError):
        return None
    except MACHINE_FAULTS:
        raise
    except Exception:
        log_once("a post's author cannot be read")
        return None


def _describe(dialect: str | None, raw: bytes) -> Details | None:
    spoken, inner = (dialect, raw) if dialect is not None else recognise(raw)
    known = _FORMATS.get(spoken)
    if not inner or known is None:
        return None
    if known.describe is not None:
        return known.describe(inner)
    return Details() if parse(spoken, inner).kind == "post" else None


def _known(dialect: str | None) -> str:
    return dialect if dialect in _FORMATS else UNKNOWN_SOURCE
