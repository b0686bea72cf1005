"""The interface of sources: they yield lines, gaps, and cursors without a line."""

import hashlib
import re
import threading
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple, Protocol, runtime_checkable


class SourceError(Exception):
    """A source cannot continue. The message is one line: where it happened and why."""


class Line(NamedTuple):
    """One line as received.

    Attributes:
        cursor: where the source resumes after this line; opaque to everyone else.
        raw: the bytes as received, without the line end.
        dialect: `x`, `jetstream`, `mastodon` or `text`; None if the source does not know.
        post_id: the post's identity as `formats.post_key` names it, empty if it has none; None: not determined yet.
    """

    cursor: str
    raw: bytes
    dialect: str | None
    post_id: str | None = None


class Gap(NamedTuple):
    """A time in which the source missed something.

    Attributes:
        cursor: where it resumes after the gap.
        why: the cause, in one line.
        begin, end: its times, if the source knows them; otherwise when it was noticed.
        source: source_id of the source that missed it; None: the source that is read (for merged sources, one of them).
    """

    cursor: str
    why: str
    begin: datetime | None = None
    end: datetime | None = None
    source: str | None = None


class CursorOnly(NamedTuple):
    """The source advanced without a line: what it passed was not asked for.

    Attributes:
        cursor: where it resumes.
    """

    cursor: str


Item = Line | Gap | CursorOnly


class Source(Protocol):
    """A stream of lines that can be resumed.

    It may have two more attributes: `last_error`, why it is not reading at the moment, in one line (it reconnects, for
    example), or None; and `server_side`, the keys of the selection that its network applies, so that we need not.

    Attributes:
        source_id: short name of the source's address, the same whenever the address names the same lines.
        replayable: nothing is missed while nobody reads (true for a file, not for a live stream).
        cursor_inclusive: read(after) repeats the line of that cursor, and perhaps some before it.
    """

    source_id: str
    replayable: bool
    cursor_inclusive: bool

    def read(self, after: str | None, stop: threading.Event) -> Iterator[Item]:
        """Yields what comes after the cursor (None: from the beginning), in order, until the end or `stop`.

        A source that cannot resume at the cursor yields the gap first, then what it has. Called again after it
        raised, it resumes at the given cursor.

        Raises:
            SourceError: the source cannot continue. Everything yielded before stays valid.
        """
        ...


@runtime_checkable
class Skipping(Protocol):
    """A source that can leave out known lines.

    Attributes:
        skips: how many of the last lines it wants to see; 0: none.
    """

    skips: int

    def skip(self, held: Iterable[Line]) -> None:
        """Never yields these lines again: the spool has them. Called before `read`, at most once."""
        ...


def last_error_of(source: Source) -> str | None:
    """Why the source is not reading at the moment, if it says so."""
    last_error: str | None = getattr(source, "last_error", None)
    return last_error


def source_id(kind: str, name: str, *identity: str) -> str:
    """A short, readable name for an address's identity; different identities have different names.

    The spool keeps cursors under it, so its ingredients must not change.
    """
    readable = re.sub(r"[^A-Za-z0-9._]+", "-", name).strip("-.")[:40]
    digest = hashlib.sha256("\0".join(identity).encode()).hexdigest()[:8]
    return "-".join(part for part in (kind, readable, digest) if part)
