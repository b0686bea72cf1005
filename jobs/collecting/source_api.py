"""What a source yields: lines, the gaps where it missed some, and where it is when it took nothing."""

import hashlib
import re
import threading
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple, Protocol, runtime_checkable


class SourceError(Exception):
    """A source cannot go on. The message is one line for a person: where it happened and why."""


class Line(NamedTuple):
    """One line as received.

    Attributes:
        cursor: where the source goes on after this line; opaque to everyone else.
        raw: the bytes as received, without the line's end.
        dialect: `x`, `jetstream`, `mastodon` or `text`; None where the source does not know.
        post_id: the post's identity as `formats.post_key` names it, empty where it has none; None: not looked for yet.
    """

    cursor: str
    raw: bytes
    dialect: str | None
    post_id: str | None = None


class Gap(NamedTuple):
    """The source missed something.

    Attributes:
        cursor: where it goes on after the gap.
        why: in one line.
        begin, end: between which times, where the source knows; else the moment when it was noticed.
        source: source_id of the source that missed it; None: the one that is read (of several it is one of them).
    """

    cursor: str
    why: str
    begin: datetime | None = None
    end: datetime | None = None
    source: str | None = None


class CursorOnly(NamedTuple):
    """The source moved on and nothing was taken: what went by was not asked for.

    Attributes:
        cursor: where it goes on.
    """

    cursor: str


Item = Line | Gap | CursorOnly


class Source(Protocol):
    """A stream of lines that can be picked up again.

    It may have two more attributes: `trouble`, what holds it up at the moment in one line, else None (it reconnects,
    say), and `server_side`, the keys of the selection that its network applies, so that we need not.

    Attributes:
        source_id: short name of the source's address, the same whenever the address names the same lines.
        waits: nothing is missed while nobody reads (a file waits, a live stream does not).
        cursor_inclusive: read(after) yields again what it yielded before: the line of that cursor, or some more.
    """

    source_id: str
    replayable: bool
    cursor_inclusive: bool

    def read(self, after: str | None, stop: threading.Event) -> Iterator[Item]:
        """Yields what comes after the cursor (None: from the beginning), in order, until the end or `stop`.

        A source that cannot go on from the cursor yields the gap first, then what there is. Called again after it
        has raised, it goes on from the cursor that it is given.

        Raises:
            SourceError: the source cannot go on. Everything yielded before stays good.
        """
        ...


@runtime_checkable
class Skipping(Protocol):
    """A source that can be told what need not come again.

    Attributes:
        skips: how many of the last lines it wants to be told of; 0: none.
    """

    skips: int

    def skip(self, held: Iterable[Line]) -> None:
        """Does not yield these lines again, which the spool holds already. Called before `read`, at most once."""
        ...


def last_error_of(source: Source) -> str | None:
    """What holds the source up at the moment, where it says so."""
    last_error: str | None = getattr(source, "last_error", None)
    return last_error


def source_id(kind: str, name: str, *identity: str) -> str:
    """A short name for what an address names: readable, and the same only for the same identity.

    The spool's cursors are kept under it: what it is made from must not change.
    """
    readable = re.sub(r"[^A-Za-z0-9._]+", "-", name).strip("-.")[:40]
    digest = hashlib.sha256("\0".join(identity).encode()).hexdigest()[:8]
    return "-".join(part for part in (kind, readable, digest) if part)
