"""What a source yields: lines, and the gaps where it missed some."""

import threading
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple, Protocol


class SourceError(Exception):
    """A source cannot go on. The message is one line for a person: where it happened and why."""


class Line(NamedTuple):
    """One line as received.

    Attributes:
        cursor: where the source goes on after this line; opaque to everyone else.
        raw: the bytes as received, without the line's end.
        dialect: `x`, `jetstream`, `mastodon` or `text`; None where the source does not know.
    """

    cursor: str
    raw: bytes
    dialect: str | None


class Gap(NamedTuple):
    """The source missed something.

    Attributes:
        cursor: where it goes on after the gap.
        why: in one line.
        begin, end: between which times, where the source knows; else the moment when it was noticed.
    """

    cursor: str
    why: str
    begin: datetime | None = None
    end: datetime | None = None


class Source(Protocol):
    """A stream of lines that can be picked up again.

    Attributes:
        slug: short name of the source's address, the same whenever the address names the same lines.
        waits: nothing is missed while nobody reads (a file waits, a live stream does not).
        cursor_inclusive: read(after) yields the line of that cursor once more.
    """

    slug: str
    waits: bool
    cursor_inclusive: bool

    def read(self, after: str | None, stop: threading.Event) -> Iterator[Line | Gap]:
        """Yields what comes after the cursor (None: from the beginning), in order, until the end or `stop`.

        Raises:
            SourceError: the source cannot go on. Everything yielded before stays good.
        """
        ...
