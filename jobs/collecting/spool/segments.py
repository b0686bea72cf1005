"""A segment of the spool: a header, then one frame a record. The format, and nothing else.

Segment file `NNNNNNNNNNNN.seg`, NNN… its number, growing by one:

    8 bytes   magic
    frame     header: JSON {"source", "source_id", "first_record", "first_note"}
    frame*    records

Frame: `<II` (length of the payload, its CRC-32), then the payload. A record's payload is `<QBBHH`
(received_at in epoch milliseconds, kind, dialect code, lengths of the cursor and of the post's id), the cursor, the
post's id, the raw bytes. In version 1 (its magic ends with 1) the id and its length are not there; it is only read.
"""

import json
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from contract.sources import NOTES, dialects

MAGIC, MAGIC_1 = b"HTSPOOL2", b"HTSPOOL1"
SUFFIX = ".seg"
MAX_FRAME_BYTES = 64 * 1024 * 1024  # beyond any line that a source yields: a length above it is damage, not data
READ_BYTES = 1024 * 1024
HEADER_BYTES = 64 * 1024  # a header is an address; none is near this long

_FRAME = struct.Struct("<II")
_RECORD = struct.Struct("<QBBHH")
_RECORD_1 = struct.Struct("<QBBH")
_DIALECTS = {0: None, **{each.code: each.name for each in (*dialects().values(), NOTES)}}
_DIALECT_CODES = {dialect: code for code, dialect in _DIALECTS.items()}

LINE, EVENT, CURSOR_ONLY = 0, 1, 2


class SpoolCorrupt(Exception):  # noqa: N818 - it says what is the matter
    """A frame that should be whole is not. Carries file and offset."""


class Record(NamedTuple):
    """One record of the spool: a line as received, an event of the collector's own, or only a cursor.

    Attributes:
        end: byte offset in the segment just after this record's frame.
        kind: LINE, EVENT (of the collector's own, such as a gap), or CURSOR_ONLY (the source moved on and nothing was
            taken; never published).
        received_at: epoch milliseconds.
        cursor: the source resumes from it after this record; empty for an event before any line.
        post_id: the post's identity, decided when it was spooled; empty: it has none; None: version 1 did not say.
    """

    end: int
    kind: int
    received_at: int
    cursor: str
    dialect: str | None
    raw: bytes
    post_id: str | None


class Header(NamedTuple):
    """What all records of a segment share.

    Attributes:
        source: the address.
        source_id: the source's short name.
        first_record: how many records the spool took before this segment.
        first_note: how many of them were events (their older name stays on disk).
    """

    source: str
    source_id: str
    first_record: int
    first_note: int


def segment_path(directory: Path, number: int) -> Path:
    """Path of segment `number`."""
    return directory / f"{number:012d}{SUFFIX}"


def segment_numbers(directory: Path) -> list[int]:
    """Numbers of the segments on disk, oldest first."""
    return sorted(int(path.stem) for path in directory.glob(f"*{SUFFIX}") if path.stem.isdigit())


def encode_header(header: Header) -> bytes:
    """The bytes that a segment begins with."""
    return MAGIC + _frame(json.dumps(header._asdict()).encode())


def encode_record(
    kind: int, received_at: int, cursor: str, dialect: str | None, raw: bytes, post_id: str = ""
) -> bytes:
    """One frame.

    Raises:
        KeyError: an unknown dialect.
    """
    name, key = cursor.encode(), post_id.encode()
    head = _RECORD.pack(received_at, kind, _DIALECT_CODES[dialect], len(name), len(key))
    return _frame(head + name + key + raw)


def is_current(path: Path) -> bool:
    """Whether records can be added to the segment: an older version's are only read."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def _frame(payload: bytes) -> bytes:
    return _FRAME.pack(len(payload), zlib.crc32(payload)) + payload


def write_all(descriptor: int, data: bytes) -> None:
    """os.write until everything is written: it may take less than it was given."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def read_header(path: Path) -> tuple[Header, int]:
    """The header and the offset of the first record.

    Raises:
        SpoolCorrupt: the header is not whole.
    """
    with path.open("rb") as file:
        start = file.read(HEADER_BYTES)
    if not start.startswith((MAGIC, MAGIC_1)):
        raise SpoolCorrupt(f"{path}@0: not a segment of the spool")
    payload, end = _payload(start, len(MAGIC))
    if payload is None:
        raise SpoolCorrupt(f"{path}@{len(MAGIC)}: the header is not whole")
    found = json.loads(payload)
    source_id = found["source_id"] if "source_id" in found else found["slug"]  # its name in version 1
    return Header(found["source"], source_id, found["first_record"], found["first_note"]), end


def _payload(buffer: bytes, at: int) -> tuple[bytes | None, int]:
    """The payload of the frame at `at`, and where the frame ends; no payload where it is cut off or damaged."""
    if at + _FRAME.size > len(buffer):
        return None, at
    length, crc = _FRAME.unpack_from(buffer, at)
    if not length:  # no frame is empty, but a power cut leaves zeros, and zero is the checksum of nothing
        return None, at
    end = at + _FRAME.size + length
    if length > MAX_FRAME_BYTES or end > len(buffer):
        return None, end
    payload = buffer[at + _FRAME.size : end]
    return (payload, end) if zlib.crc32(payload) == crc else (None, at)


def read_records(path: Path, start: int, limit: int | None = None) -> Iterator[Record]:
    """Yields the whole records between two byte offsets, in order; ends quietly at the first frame that is not whole.

    The caller compares the last `end` with `limit` to learn whether all were whole.
    """
    with path.open("rb") as file:
        decode = _record if file.read(len(MAGIC)) == MAGIC else _record_1
        file.seek(start)
        base, buffer, at, want = start, b"", 0, READ_BYTES
        while True:
            payload, end = _payload(buffer, at)
            if payload is not None:
                yield decode(base + end, payload)
                at = end
                continue
            if limit is not None and base + at >= limit:
                return
            want = max(READ_BYTES, min(end, at + MAX_FRAME_BYTES) - at)
            room = want if limit is None else min(want, limit - base - len(buffer))
            more = file.read(room) if room > 0 else b""
            if not more:
                return
            base, buffer, at = base + at, buffer[at:] + more, 0


def _record(end: int, payload: bytes) -> Record:
    received_at, kind, dialect, cursor_length, id_length = _RECORD.unpack_from(payload)
    after_cursor = _RECORD.size + cursor_length
    cursor, body = payload[_RECORD.size : after_cursor].decode(), after_cursor + id_length
    post_id = payload[after_cursor:body].decode()
    return Record(end, kind, received_at, cursor, _DIALECTS[dialect], payload[body:], post_id)


def _record_1(end: int, payload: bytes) -> Record:
    received_at, kind, dialect, length = _RECORD_1.unpack_from(payload)
    body = _RECORD_1.size + length
    cursor = payload[_RECORD_1.size : body].decode()
    return Record(end, kind, received_at, cursor, _DIALECTS[dialect], payload[body:], None)
