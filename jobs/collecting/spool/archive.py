"""The segments on disk: their numbers, their sizes, and the last cursor of each source."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from collecting.spool import segments
from collecting.spool.scan import read_records
from contract.spool.cursors import read_cursors, remember_cursor
from contract.spool.position import NOWHERE, Position


class Archive:
    """A spool's segments by number. Safe for threads; the last cursor of what is removed is kept.

    Attributes:
        total_bytes: size of all segments, up to the last sync.
    """

    def __init__(self, directory: Path) -> None:
        self.total_bytes = 0
        self._directory = directory
        self._lock = threading.Lock()  # the sizes
        self._files = threading.Lock()  # nothing is removed while it is read
        self._sizes: dict[int, int] = {}
        for number in segments.segment_numbers(directory):
            self.resize(number, self.path(number).stat().st_size)

    def path(self, number: int) -> Path:
        """Path of segment `number`."""
        return segments.segment_path(self._directory, number)

    @property
    def numbers(self) -> list[int]:
        """Those on disk, oldest first."""
        with self._lock:
            return sorted(self._sizes)

    def size(self, number: int) -> int:
        """Bytes of one segment, up to the last sync."""
        return self._sizes[number]

    def resize(self, number: int, size: int) -> None:
        """A segment is new, has grown, or was cut."""
        with self._lock:
            self.total_bytes += size - self._sizes.get(number, 0)
            self._sizes[number] = size

    def remove(self, number: int) -> None:
        """Removes a segment. If no later one is of the same source, its last cursor is kept first."""
        with self._files:
            source_id = self._source_id(number)
            if not any(self._source_id(later) == source_id for later in self.numbers if later > number):
                cursor = _last_cursor(self.path(number))
                if cursor is not None:
                    remember_cursor(self._directory, source_id, cursor)
            self.path(number).unlink(missing_ok=True)
            with self._lock:
                self.total_bytes -= self._sizes.pop(number)

    def start_of(self, number: int) -> Position:
        """The point before a segment's first record; NOWHERE if there is no such segment."""
        if number not in self._sizes:
            return NOWHERE
        header, offset = segments.read_header(self.path(number))
        return Position(number, offset, header.first_record, header.first_note)

    def find_cursor(self, source_id: str) -> str | None:
        """The source's last cursor: from its newest segment that has one, else from what was kept of removed ones."""
        with self._files:
            for number in reversed(self.numbers):
                if self._source_id(number) == source_id:
                    cursor = _last_cursor(self.path(number))
                    if cursor is not None:
                        return cursor
            return read_cursors(self._directory).get(source_id)

    @contextmanager
    def nothing_removed(self) -> Iterator[None]:
        """While this lasts, removals wait."""
        with self._files:
            yield

    def _source_id(self, number: int) -> str:
        return segments.read_header(self.path(number))[0].source_id


def _last_cursor(path: Path) -> str | None:
    cursor = None
    for record in read_records(path, segments.read_header(path)[1]):
        cursor = record.cursor or cursor
    return cursor
