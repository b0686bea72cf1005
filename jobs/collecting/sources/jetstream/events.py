"""What the source needs of a Jetstream event: its time and its identity."""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from collecting.source_api import SourceError

MOST_KEPT = 100_000


class _Commit(msgspec.Struct, gc=False):
    rev: str = ""
    operation: str = ""
    collection: str = ""
    rkey: str = ""


class _Numbered(msgspec.Struct, gc=False):
    seq: int = 0


class _Event(msgspec.Struct, gc=False):
    did: str
    time_us: int
    kind: str = ""
    commit: _Commit | None = None
    identity: _Numbered | None = None
    account: _Numbered | None = None


_decoder = msgspec.json.Decoder(_Event)


class EventPosition(NamedTuple):
    """An event's position. As text it is the cursor, `TIME_US:DIGEST`.

    Attributes:
        time_us: when its server received it, epoch microseconds; each server has its own time.
        digest: of the event's identity, the same on every server.
    """

    time_us: int
    digest: str

    @classmethod
    def of(cls, raw: bytes, last_us: int) -> "tuple[EventPosition, bool]":
        """The event's position, and whether it has its own time; one that is not understood is placed at `last_us`."""
        try:
            event = _decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return cls(last_us, _digest(raw)), False
        if event.commit is not None and event.commit.rev:
            commit = event.commit
            named: tuple[str, ...] = (event.did, commit.collection, commit.rkey, commit.rev, commit.operation)
        elif (numbered := event.identity or event.account) is not None and numbered.seq:
            named = (event.did, event.kind, str(numbered.seq))
        else:
            return cls(event.time_us, _digest(raw)), True
        return cls(event.time_us, _digest("\0".join(named).encode())), True

    @classmethod
    def parse(cls, cursor: str) -> "EventPosition":
        """The position that a cursor names.

        Raises:
            SourceError: an invalid cursor.
        """
        time_us, _, digest = cursor.partition(":")
        if not time_us.isdigit() or not digest:
            raise SourceError(f"source jetstream: invalid cursor {cursor!r}")
        return cls(int(time_us), digest)

    def __str__(self) -> str:
        return f"{self.time_us}:{self.digest}"


class Recent:
    """The newest events, so that an overlap yields no event twice."""

    def __init__(self, kept_us: int, most: int = MOST_KEPT) -> None:
        self._kept_us = kept_us
        self._most = most
        self._times: dict[str, int] = {}  # digest → time, oldest first

    def __contains__(self, position: EventPosition) -> bool:
        return position.digest in self._times

    def add(self, positions: Iterable[EventPosition], newest_us: int) -> None:
        """Adds these, and forgets events older than the overlap."""
        for position in positions:
            self._times[position.digest] = position.time_us
        while self._times:
            oldest = next(iter(self._times))
            if len(self._times) <= self._most and self._times[oldest] >= newest_us - self._kept_us:
                return
            del self._times[oldest]


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()
