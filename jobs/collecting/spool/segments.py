"""A segment of the spool: a header, then one frame a record. The format, and nothing else; `scan` reads it.

Segment file `NNNNNNNNNNNN.seg`, NNN… its number, growing by one:

    8 bytes   magic
    frame     header: JSON {"source", "source_id", "first_record", "first_note", "marker", "replayable", "began_ms"}
    frame*    records

Frame: `<II` (length of the payload, its CRC-32), then the payload. Before a record's frame stands the segment's marker:
4 random bytes, so that behind damage the next frame is found, and no line can hold what looks like one. A record's
payload is `<QQIBBHH` (received_at in epoch milliseconds; how many records and, of them, events the spool has taken with
this one; kind, and GROUP where the frame begins an fsynced group; dialect code; lengths of the cursor and of the post's
id), the cursor, the post's id, the raw bytes.

Older versions are only read. In version 2 (its magic ends with 2) there are no marker, no counts and no GROUP; in
version 1, in addition, neither the post's id nor its length.
"""

import json
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from contract.source_address import read_stored
from contract.sources import FILE, NOTES, SIMULATOR, dialects

VERSION = 3
MAGIC = b"HTSPOOL3"
_VERSIONS = {MAGIC: VERSION, b"HTSPOOL2": 2, b"HTSPOOL1": 1}
SUFFIX = ".seg"
MAX_FRAME_BYTES = 64 * 1024 * 1024  # beyond any line that a source yields: a length above it is damage, not data
HEADER_BYTES = 64 * 1024  # a header is an address; none is near this long

FRAME = struct.Struct("<II")
_RECORD = struct.Struct("<QQIBBHH")
_RECORD_2 = struct.Struct("<QBBHH")
_RECORD_1 = struct.Struct("<QBBH")
_DIALECTS = {0: None, **{each.code: each.name for each in (*dialects().values(), NOTES)}}
_DIALECT_CODES = {dialect: code for code, dialect in _DIALECTS.items()}

LINE, EVENT, CURSOR_ONLY = 0, 1, 2
GROUP = 0x80


class SpoolCorrupt(Exception):  # noqa: N818 - it says what is the matter
    """A segment that cannot be read, and that only a person can put right. Carries file and offset."""


class Record(NamedTuple):
    """One record of the spool: a line as received, an event of the collector's own, or only a cursor.

    Attributes:
        end: byte offset in the segment just after this record's frame.
        kind: LINE, EVENT (of the collector's own, such as a gap), or CURSOR_ONLY (the source moved on and nothing was
            taken; never published).
        received_at: epoch milliseconds.
        cursor: the source resumes from it after this record; empty for an event before any line.
        post_id: the post's identity, decided when it was spooled; empty: it has none; None: version 1 did not say.
        records, notes: how many records, and of them events, the spool has taken with this one; None: an older version
            does not say.
        begins_group: everything before this frame was fsynced before this frame was written.
        version: of the segment.
    """

    end: int
    kind: int
    received_at: int
    cursor: str
    dialect: str | None
    raw: bytes
    post_id: str | None
    records: int | None = None
    notes: int | None = None
    begins_group: bool = False
    version: int = VERSION


class Header(NamedTuple):
    """What all records of a segment share.

    Attributes:
        source: the address.
        source_id: the source's short name.
        first_record: how many records the spool took before this segment.
        first_note: how many of them were events (their older name stays on disk).
        marker: stands before each record's frame; empty in older versions.
        replayable: the source yields again what comes after a cursor, so that what is cut off is not lost.
        began_ms: when the segment was made, epoch milliseconds; 0: an older version does not say.
        version: of the format.
    """

    source: str
    source_id: str
    first_record: int
    first_note: int
    marker: bytes = b""
    replayable: bool = False
    began_ms: int = 0
    version: int = VERSION


def segment_path(directory: Path, number: int) -> Path:
    """Path of segment `number`."""
    return directory / f"{number:012d}{SUFFIX}"


def segment_numbers(directory: Path) -> list[int]:
    """Numbers of the segments on disk, oldest first."""
    return sorted(int(path.stem) for path in directory.glob(f"*{SUFFIX}") if path.stem.isdigit())


def encode_header(header: Header) -> bytes:
    """The bytes that a segment of the current version begins with."""
    said = {**header._asdict(), "marker": header.marker.hex()}
    del said["version"]
    return MAGIC + _frame(json.dumps(said).encode())


def encode_record(record: Record, marker: bytes) -> bytes:
    """One frame. `end` and `version` are not in it.

    Raises:
        KeyError: an unknown dialect.
    """
    name, key = record.cursor.encode(), (record.post_id or "").encode()
    kind = record.kind | (GROUP if record.begins_group else 0)
    dialect = _DIALECT_CODES[record.dialect]
    counts = record.records or 0, record.notes or 0
    return marker + _frame(
        _RECORD.pack(record.received_at, *counts, kind, dialect, len(name), len(key)) + name + key + record.raw
    )


def _frame(payload: bytes) -> bytes:
    return FRAME.pack(len(payload), zlib.crc32(payload)) + payload


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
    version = _VERSIONS.get(start[: len(MAGIC)])
    payload = None if version is None else _header_payload(start)
    if version is None or payload is None:
        raise SpoolCorrupt(
            f"{path}@0: the segment's header is damaged: put the file back from a copy, or move it out of the spool; "
            "what was not yet published of it is then lost, and a gap in the books unless it is the newest segment"
        )
    found = json.loads(payload)
    source, source_id = found["source"], found["source_id"] if "source_id" in found else found["slug"]  # version 1's
    header = Header(source, source_id, found["first_record"], found["first_note"], version=version)
    if version < VERSION:
        header = header._replace(replayable=_is_replayable(source))
    else:
        marker = bytes.fromhex(found["marker"])
        header = header._replace(marker=marker, replayable=found["replayable"], began_ms=found["began_ms"])
    return header, len(MAGIC) + FRAME.size + len(payload)


def _header_payload(start: bytes) -> bytes | None:
    if len(start) < len(MAGIC) + FRAME.size:
        return None
    length, crc = FRAME.unpack_from(start, len(MAGIC))
    payload = start[len(MAGIC) + FRAME.size :][:length]
    return payload if len(payload) == length and zlib.crc32(payload) == crc else None


def _is_replayable(source: str) -> bool:
    """Whether all sources of an older segment are: it does not say."""
    return {each.kind for each in read_stored(source)} <= {FILE, SIMULATOR}


def decoder(version: int) -> Callable[[int, bytes], Record]:
    """What makes a record of a whole frame's end and payload, in segments of a version.

    It raises struct.error, UnicodeDecodeError or KeyError for a record that we don't write.
    """
    return {3: _record, 2: _record_2, 1: _record_1}[version]


def _record(end: int, payload: bytes) -> Record:
    received_at, records, notes, kind, dialect, cursor_length, id_length = _RECORD.unpack_from(payload)
    after_cursor = _RECORD.size + cursor_length
    cursor, body = payload[_RECORD.size : after_cursor].decode(), after_cursor + id_length
    post_id, is_group = payload[after_cursor:body].decode(), bool(kind & GROUP)
    known, raw = _DIALECTS[dialect], payload[body:]
    return Record(end, kind & ~GROUP, received_at, cursor, known, raw, post_id, records, notes, is_group)


def _record_2(end: int, payload: bytes) -> Record:
    received_at, kind, dialect, cursor_length, id_length = _RECORD_2.unpack_from(payload)
    after_cursor = _RECORD_2.size + cursor_length
    cursor, body = payload[_RECORD_2.size : after_cursor].decode(), after_cursor + id_length
    post_id = payload[after_cursor:body].decode()
    return Record(end, kind, received_at, cursor, _DIALECTS[dialect], payload[body:], post_id, version=2)


def _record_1(end: int, payload: bytes) -> Record:
    received_at, kind, dialect, length = _RECORD_1.unpack_from(payload)
    body = _RECORD_1.size + length
    cursor = payload[_RECORD_1.size : body].decode()
    return Record(end, kind, received_at, cursor, _DIALECTS[dialect], payload[body:], None, version=1)
