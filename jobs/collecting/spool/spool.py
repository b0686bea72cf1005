"""The spool: records on local disk before anything else happens to them. Append-only, fsynced in groups, one writer.

It is the raw archive too: acknowledged segments stay until their disk space is needed (see `ARCHIVE_SHARE`).
"""

import contextlib
import errno
import json
import logging
import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from collecting.source_api import Line
from collecting.spool import reading, segments
from collecting.spool.archive import Archive
from collecting.spool.reading import Item
from collecting.spool.recovery import recover
from collecting.spool.segments import CURSOR_ONLY, EVENT, LINE, VERSION, Header, Record
from contract.files import ASIDE_SUFFIX, fsync_directory, make_directory, write_atomically
from contract.spool import lock
from contract.spool.position import NOWHERE, Acked, Position, read_acked, write_acked
from formats import post_key

log = logging.getLogger(__name__)

SEGMENT_BYTES = 64 * 1024 * 1024
FSYNC_INTERVAL_S = 0.1
CURSOR_INTERVAL_S = 5.0  # after a crash the source reads at most so much again that was not taken
BUFFER_BYTES = 4 * 1024 * 1024
# The archive may fill this share of the budget; the rest is for the time when Kafka is away. Age alone removes
# nothing: an old segment costs only disk space, and a recount wants as much of the archive as there is.
ARCHIVE_SHARE = 0.75
RESERVE_BYTES = 64 * 1024  # more than acked.json: on a full disk it makes way for that


class Spool:
    """Records of one or more sources, in the order in which they were received.

    One thread appends; any thread may read up to `durable`.

    Attributes:
        directory: the folder that holds the segments.
        budget_bytes: what all segments together may take; `full` beyond it.
    """

    def __init__(self, directory: Path, *, budget_bytes: int, segment_bytes: int = SEGMENT_BYTES) -> None:
        """Opens the spool, takes its lock and cuts what a crash left half-written.

        Raises:
            LockHeld: another process holds it.
            SpoolCorrupt: the header of the newest segment is damaged.
        """
        make_directory(directory)
        self.directory = directory
        self.budget_bytes = budget_bytes
        self._segment_bytes = max(4096, min(segment_bytes, budget_bytes // 8))
        self._lock = lock.take(directory)
        self._archive = Archive(directory)
        self._moved = threading.Condition()  # guards what follows up to _broken
        self._buffer: list[bytes] = []
        self._buffer_bytes = 0
        self._written = NOWHERE
        self._durable = NOWHERE
        self._broken: OSError | None = None
        self._io = threading.Lock()  # one write and fsync at a time, in order
        self._file_descriptor = -1
        self._header: Header | None = None
        self._next_header = ("", "", False)  # address, source_id, replayable of the source whose lines come next
        self._last_cursor: str | None = None  # of that source
        self._pending_cursor: str | None = None  # a later one that is not written yet
        self._write_cursor_at_s = 0.0
        try:
            self._recover()
            self._acked = self._load_acked()
        except BaseException:
            self._lock.close()
            raise
        self._trim()
        self._reserve = directory / "reserve"
        self._set_reserve_aside()
        self._closing = threading.Event()
        self._syncer = threading.Thread(target=self._sync_often, name="spool-sync", daemon=True)
        self._syncer.start()

    # -- the writer's side

    def begin(self, source: str, source_id: str, *, replayable: bool = False) -> str | None:
        """Names the source whose lines come next; returns the cursor to resume from (None: from the beginning).

        Args:
            source: its address.
            source_id: its short name.
            replayable: it yields again what comes after a cursor.
        """
        if self._next_header[1] != source_id:
            self._write_cursor()
            self._last_cursor = None
        self._next_header = (source, source_id, replayable)
        if self._last_cursor is None:
            self._last_cursor = self._archive.find_cursor(source_id)
        return self._last_cursor

    def append(self, line: Line, received_at: int) -> None:
        """Takes one line, and decides its post's identity for good. On disk within FSYNC_INTERVAL_S.

        Raises:
            OSError: the disk refuses (full, gone).
        """
        if line.post_id is None:
            line = line._replace(post_id=post_key(line.dialect, line.raw))
        self._append(LINE, line, received_at)

    def append_event(self, event: dict[str, object], received_at: int, cursor: str | None = None) -> None:
        """Takes an event of the collector's own (docs/contracts.md); the source resumes from `cursor` after it.

        Raises:
            OSError: the disk refuses (full, gone).
        """
        raw = json.dumps({"hashtide": event}).encode()
        self._append(
            EVENT,
            Line(cursor or self._pending_cursor or self._last_cursor or "", raw, "hashtide"),
            received_at,
        )

    def advance_cursor(self, cursor: str) -> None:
        """The source moved on to the cursor, and nothing was taken. Written every few seconds and at the end; cheap.

        Raises:
            OSError: the disk refuses (full, gone).
        """
        self._pending_cursor = cursor
        if time.monotonic() >= self._write_cursor_at_s:
            self._write_cursor()

    def _write_cursor(self) -> None:
        if self._pending_cursor is not None:
            self._write_cursor_at_s = time.monotonic() + CURSOR_INTERVAL_S
            self._append(CURSOR_ONLY, Line(self._pending_cursor, b"", None), 0)

    def _append(self, kind: int, line: Line, received_at: int) -> None:
        if self._must_roll():
            self._roll()
        with self._moved:
            if self._broken:
                raise self._broken
            segment, offset, records, notes = self._written
            records, notes = records + (kind != CURSOR_ONLY), notes + (kind == EVENT)
            record = Record(
                0, kind, received_at, line.cursor, line.dialect, line.raw, line.post_id, records, notes,
                begins_group=not self._buffer,
            )  # fmt: skip
            frame = segments.encode_record(record, self._header.marker if self._header else b"")
            self._buffer.append(frame)
            self._buffer_bytes += len(frame)
            self._written = Position(segment, offset + len(frame), records, notes)
            overflow = self._buffer_bytes > BUFFER_BYTES
        self._last_cursor = line.cursor or None
        self._pending_cursor = None
        if overflow:
            self.sync()

    def _must_roll(self) -> bool:
        header = self._header
        return (
            header is None
            or (header.source, header.source_id, header.replayable) != self._next_header
            or self._written.offset >= self._segment_bytes
        )

    def _roll(self) -> None:
        self.sync()
        number = self._written.segment + 1
        source, source_id, replayable = self._next_header
        counts = self._written.records, self._written.notes
        header = Header(source, source_id, *counts, secrets.token_bytes(4), replayable, int(time.time() * 1000))
        start = segments.encode_header(header)
        with self._io:
            if self._file_descriptor >= 0:
                os.close(self._file_descriptor)
            self._file_descriptor = -1
            # Whole or not at all: a crash here leaves no segment without a header.
            write_atomically(segments.segment_path(self.directory, number), start, durably=True)
            self._file_descriptor = os.open(
                segments.segment_path(self.directory, number), os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
            )
        self._header = header
        with self._moved:
            self._written = self._durable = Position(number, len(start), header.first_record, header.first_note)
            self._archive.resize(number, len(start))
            self._moved.notify_all()

    def sync(self) -> None:
        """Writes and fsyncs what was appended so far.

        Raises:
            OSError: the disk refuses; the spool takes nothing more, and what is on disk stays good.
        """
        with self._io:
            with self._moved:
                if self._broken:
                    raise self._broken
                frames, self._buffer, self._buffer_bytes = self._buffer, [], 0
                until = self._written
            if not frames:
                return
            try:
                segments.write_all(self._file_descriptor, b"".join(frames))
                os.fsync(self._file_descriptor)
            except OSError as error:
                with self._moved:
                    self._broken = error
                    self._moved.notify_all()
                raise
            with self._moved:
                self._durable = until
                self._archive.resize(until.segment, until.offset)
                self._moved.notify_all()

    def _sync_often(self) -> None:
        while not self._closing.wait(FSYNC_INTERVAL_S / 2):
            try:
                self.sync()
            except OSError as error:
                log.error("the spool cannot be written: %s", error)  # noqa: TRY400 - append() raises it where it matters
                return

    # -- the publisher's side

    @property
    def durable(self) -> Position:
        """Up to here everything is on disk."""
        with self._moved:
            return self._durable

    @property
    def lines_read(self) -> int:
        """Lines that are or were on disk, over the spool's life. Events are not lines."""
        return self.durable.records - self.durable.notes

    @property
    def size_bytes(self) -> int:
        """What all segments together take, up to the last sync."""
        return self._archive.total_bytes

    @property
    def full(self) -> bool:
        """True while the budget is used up, and an acknowledgement can free space."""
        return self.size_bytes >= self.budget_bytes and self.acked.records < self._durable.records

    def wait_for_more(self, after: Position, timeout_s: float) -> bool:
        """Waits until something after `after` is durable; False after `timeout_s`."""
        with self._moved:
            return self._moved.wait_for(lambda: self._durable.records > after.records, timeout_s)

    def read(self, after: Position) -> Iterator[Item]:
        """Yields each durable record after `after`, in order: the position after it, its source's id, the record.

        Where records are lost, a gap event comes instead. Ends at what was durable when it was called; call it again
        from the last position.

        Raises:
            SpoolCorrupt: a segment's header is not whole, or too much is damaged.
        """
        return reading.read(self._archive, after, self.durable)

    @property
    def acked(self) -> Position:
        """Up to here the topic has everything."""
        return self._acked.position

    @property
    def acked_with_marks(self) -> Acked:
        """The same with what the topic's log was then and earlier."""
        return self._acked

    @property
    def start(self) -> Position:
        """The point before the first record that is still on disk."""
        return self._archive.start_of(next(iter(self._archive.numbers), 0))

    def save_acked(self, acked: Acked) -> None:
        """Keeps up to where the topic has everything; removes old segments if necessary.

        Raises:
            OSError: the disk refuses.
        """
        try:
            write_acked(self.directory, acked)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            # Only what is known to be acknowledged may be removed, and to know it takes a little space.
            self._reserve.unlink(missing_ok=True)
            write_acked(self.directory, acked)
            if self._remove_oldest(acked.position):
                log.warning("the disk is full: the oldest segment, all of it acknowledged, was removed")
            self._set_reserve_aside()
        self._acked = acked
        self._trim()

    def _set_reserve_aside(self) -> None:
        with contextlib.suppress(OSError):
            if not self._reserve.exists():
                write_atomically(self._reserve, bytes(RESERVE_BYTES))

    def _trim(self) -> None:
        limit = int(self.budget_bytes * ARCHIVE_SHARE)
        while self.size_bytes > limit and self._remove_oldest(self.acked):
            pass

    def _remove_oldest(self, acked: Position) -> bool:
        """Removes the oldest segment if all of it is acknowledged; false if it isn't."""
        oldest = self._archive.numbers[0]
        if oldest >= acked.segment:
            return False
        self._archive.remove(oldest)
        return True

    @property
    def stop_is_requested(self) -> bool:
        """Whether somebody who can't signal this process asks it to end."""
        return lock.stop_is_requested(self.directory)

    def nothing_removed(self) -> AbstractContextManager[None]:
        """While this lasts no segment is removed: for reading them while the publisher works."""
        return self._archive.nothing_removed()

    # -- start and end

    def _recover(self) -> None:
        for leftover in self.directory.glob(f"*{ASIDE_SUFFIX}"):
            leftover.unlink()
        # What was killed between a rename and its sync has left names that are there and not yet durable.
        fsync_directory(self.directory)
        if not self._archive.numbers:
            return
        newest = self._archive.numbers[-1]
        path = self._archive.path(newest)
        acked = read_acked(self.directory)
        found = recover(path, newest, acked.position if acked else NOWHERE)
        header, end = found.header, found.end
        self._header = header if header.version == VERSION else None  # else the next record begins a new segment
        self._next_header = (header.source, header.source_id, header.replayable)
        self._last_cursor = found.cursor
        self._file_descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        if end.offset < self._archive.size(newest):
            os.ftruncate(self._file_descriptor, end.offset)
        os.fsync(self._file_descriptor)
        self._archive.resize(newest, end.offset)
        self._written = self._durable = end
        if found.has_unnumbered_loss:
            self._roll()
        if found.cursor_before is not None:
            self._append(CURSOR_ONLY, Line(found.cursor_before, b"", None), 0)
            self.sync()

    def _load_acked(self) -> Acked:
        acked = read_acked(self.directory) or Acked(self.start)
        if acked.position.records > self._durable.records:
            log.warning(
                "the spool ends at %s, before the acknowledged %s: the disk lost data", self._durable, acked.position
            )
            acked = acked.back_to(self._durable)
            # Before the first new line: it would take a place that counts as acknowledged.
            write_acked(self.directory, acked)
        oldest = next(iter(self._archive.numbers), 0)
        if acked.position.segment >= oldest or acked.position.records < self.start.records:
            # Behind a segment that somebody has moved away reading begins where it ended: what is missing is a gap.
            return acked
        return replace(acked, position=self.start)

    def close(self) -> None:
        """Syncs, and frees the lock."""
        self._closing.set()
        self._syncer.join(timeout=30)
        try:
            if not self._broken:
                self._write_cursor()
                self.sync()
        finally:
            if self._file_descriptor >= 0:
                os.close(self._file_descriptor)
                self._file_descriptor = -1
            self._lock.close()
