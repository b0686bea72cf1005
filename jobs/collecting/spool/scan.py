"""Reads a segment's records, over damage too: behind bytes that are no frame the next whole frame is searched.

In a segment of the current version a frame is found by its marker and its checksum: by chance once in 2**64 offsets. An
older version has no marker: there 1 of 2**32 offsets with a plausible head looks like a frame.
"""

import errno
import os
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from collecting.spool.segments import (
    FRAME,
    MAX_FRAME_BYTES,
    Record,
    SpoolCorrupt,
    decoder,
    read_header,
)

READ_BYTES = 1024 * 1024
PAGE_BYTES = 4096
SEARCH_ROUNDS = 16  # a search reads at most so many times the file's bytes; only contrived damage needs more
# The head of an older version's frame: a length below 2**27 that is not 0, a checksum, a time before 2039 (its upper
# bytes), a kind, a dialect.
_OLD_HEAD = re.compile(rb"(?=(?!\0{4}).{3}[\0-\x04].{4}.{5}[\0\x01]\0\0[\0-\x02][\0-\x05])", re.DOTALL)
_OLD_HEAD_BYTES = 18


class Hole(NamedTuple):
    """Bytes of a segment in which no frame is whole; what follows is whole, or the end of what is read."""

    start: int
    end: int


def scan(path: Path, start: int, limit: int | None = None) -> Iterator[Record | Hole]:
    """Yields the whole records between two byte offsets and the holes between them, in order.

    A torn tail is a hole up to the end.

    Raises:
        SpoolCorrupt: the header is not whole, or the damage is such that searching does not end in time.
    """
    with _Segment(path, limit) as segment:
        at = start
        while at < segment.size:
            record = segment.record(at)
            if record is None:
                after = segment.find(at + 1)
                yield Hole(at, after)
                at = after
            else:
                yield record
                at = record.end


def read_records(path: Path, start: int, limit: int | None = None) -> Iterator[Record]:
    """Yields the whole records between two byte offsets; holes are left out. Raises as `scan` does."""
    return (each for each in scan(path, start, limit) if isinstance(each, Record))


def last_record(path: Path, until: int | None = None) -> Record | None:
    """The last line or event that ends at or before a byte offset; None if there is none."""
    found = None
    for record in read_records(path, read_header(path)[1], until):
        found = record if record.received_at else found
    return found


class _Segment:
    """A segment's bytes, read ahead; a page that the disk refuses to read counts as zeros."""

    def __init__(self, path: Path, limit: int | None) -> None:
        self._path = path
        header, _ = read_header(path)
        self._marker = header.marker
        self._head_bytes = len(header.marker) + FRAME.size
        self._decode = decoder(header.version)
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        on_disk = os.fstat(self._descriptor).st_size
        self.size = on_disk if limit is None else min(limit, on_disk)
        self._base, self._buffer = 0, b""
        self._left = SEARCH_ROUNDS * max(self.size, READ_BYTES)  # of checksums that a search may compute

    def __enter__(self) -> "_Segment":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def record(self, at: int) -> Record | None:
        """The record whose frame begins here; None where no whole frame begins.

        Raises:
            SpoolCorrupt: the frame is whole, and a newer version's.
        """
        body = at + self._head_bytes
        begin = at - self._base
        if begin < 0 or begin + self._head_bytes > len(self._buffer):
            if body > self.size:
                return None
            self._fill(at, self._head_bytes)
            begin = 0
        length, crc = FRAME.unpack_from(self._buffer, begin + len(self._marker))
        end = body + length
        if not length or length > MAX_FRAME_BYTES or end > self.size:
            return None
        if not self._buffer.startswith(self._marker, begin):
            return None
        payload = self._bytes(body, length)
        if zlib.crc32(payload) != crc:
            self._left -= length
            return None
        try:
            return self._decode(end, payload)
        except (struct.error, UnicodeDecodeError, KeyError) as error:
            raise SpoolCorrupt(f"{self._path}@{at}: a whole record of an unknown form: {error!r}") from error

    def find(self, at: int) -> int:
        """The offset of the first whole frame at or after one; the size if there is none."""
        while at < self.size:
            block = self._bytes(at, min(READ_BYTES, self.size - at))
            for offset in self._heads(block):
                if self.record(at + offset) is not None:
                    return at + offset
                if self._left < 0:
                    raise SpoolCorrupt(
                        f"{self._path}@{at + offset}: so much is damaged that records cannot be told from it: put the "
                        "file back from a copy, or move it out of the spool; what was not yet published of it is then "
                        "lost, and a gap in the books unless it is the newest segment"
                    )
            at += max(1, len(block) - _OLD_HEAD_BYTES) if at + len(block) < self.size else len(block)
        return self.size

    def _heads(self, block: bytes) -> Iterator[int]:
        """Offsets in the block at which a frame may begin. The next block begins so early that none is missed."""
        if not self._marker:
            yield from (found.start() for found in _OLD_HEAD.finditer(block))
            return
        offset = block.find(self._marker)
        while offset >= 0:
            yield offset
            offset = block.find(self._marker, offset + 1)

    def _bytes(self, at: int, size: int) -> bytes:
        begin = at - self._base
        if begin < 0 or begin + size > len(self._buffer):
            self._fill(at, size)
            begin = 0
        return self._buffer[begin : begin + size]

    def _fill(self, at: int, size: int) -> None:
        self._base = at
        self._buffer = self._read(at, min(max(size, READ_BYTES), self.size - at))

    def _read(self, at: int, size: int) -> bytes:
        """Always all of it: pages that the disk cannot read are zeros, hence damage like any other."""
        parts, end = [], at + size
        while at < end:
            try:
                part = os.pread(self._descriptor, end - at, at)
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                part = self._read_page(at, min(PAGE_BYTES - at % PAGE_BYTES, end - at))
            if not part:
                part = bytes(end - at)  # somebody has cut the file meanwhile
            parts.append(part)
            at += len(part)
        return b"".join(parts)

    def _read_page(self, at: int, size: int) -> bytes:
        try:
            return os.pread(self._descriptor, size, at) or bytes(size)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return bytes(size)
