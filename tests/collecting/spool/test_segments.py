"""The format of a segment, and what reading does with one that is torn or damaged."""

import json
import struct
import zlib
from pathlib import Path

import pytest

from collecting.source_api import Line
from collecting.spool import segments
from collecting.spool.scan import read_records
from collecting.spool.segments import (
    EVENT,
    LINE,
    Header,
    Record,
    SpoolCorrupt,
    encode_header,
    encode_record,
    read_header,
    segment_path,
)
from collecting.spool.spool import Spool
from contract.spool.position import NOWHERE

HEADER = Header("file:a", "file-a-1", 100, 3, b"\1\2\3\4", True, 1_700_000_000_000)
RECORDS = [
    (LINE, 1_700_000_000_000, "0:1:5", None, b"plain", ""),
    (LINE, 1, "0:2:5", "x", b"", "x:1"),
    (EVENT, 2, "ü:3", "hashtide", b'{"hashtide":{}}', ""),
    (LINE, 3, "4", "text", b"\0\r\n\xff" * 400_000, ""),
    (LINE, 4, "5", "jetstream", b"the last", "jetstream:did:ü/" + "r" * 3000),
]


def written(path: Path) -> bytes:
    content = encode_header(HEADER) + b"".join(encode_record(Record(0, *record), HEADER.marker) for record in RECORDS)
    path.write_bytes(content)
    return content


def test_what_was_written_is_read(tmp_path: Path) -> None:
    size = len(written(tmp_path / "s"))
    header, start = read_header(tmp_path / "s")
    records = list(read_records(tmp_path / "s", start))
    assert header == HEADER
    assert [tuple(record[1:7]) for record in records] == RECORDS
    assert records[-1].end == size


def version_1(number: int) -> bytes:
    """A segment as the version before wrote it, for posts `number` and `number` + 1."""
    content = b"HTSPOOL1"
    header = json.dumps({"source": "file:a", "slug": "file-a-1", "first_record": number, "first_note": 0}).encode()
    payloads = [header]
    for each in (number, number + 1):
        cursor = str(each).encode()
        payloads.append(struct.pack("<QBBH", 7, LINE, 1, len(cursor)) + cursor + b'{"id":%d}' % each)
    for payload in payloads:
        content += struct.pack("<II", len(payload), zlib.crc32(payload)) + payload
    return content


def test_a_segment_of_the_version_before_is_read_and_says_nothing_of_identity(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(version_1(5))
    header, start = read_header(tmp_path / "s")
    assert header == Header("file:a", "file-a-1", 5, 0, replayable=True, version=1)
    found = [tuple(record[1:7]) for record in read_records(tmp_path / "s", start)]
    assert found == [(LINE, 7, "5", "x", b'{"id":5}', None), (LINE, 7, "6", "x", b'{"id":6}', None)]


def test_to_a_segment_of_the_version_before_nothing_is_added(tmp_path: Path) -> None:
    old = version_1(0)
    segment_path(tmp_path, 1).write_bytes(old)
    spool = Spool(tmp_path, budget_bytes=2**20)
    try:
        assert spool.begin("file:a", "file-a-1") == "1"
        spool.append(Line("2", b"later", "text"), 8)
        spool.sync()
        records = [record for _, _, record in spool.read(NOWHERE)]
        assert (spool.lines_read, spool.durable.segment) == (3, 2)
    finally:
        spool.close()
    assert [record.raw for record in records] == [b'{"id":0}', b'{"id":1}', b"later"]
    assert [record.post_id for record in records] == [None, None, ""]
    assert segment_path(tmp_path, 1).read_bytes() == old


def test_reading_begins_after_any_record_and_ends_at_any(tmp_path: Path) -> None:
    written(tmp_path / "s")
    _, start = read_header(tmp_path / "s")
    ends = [start, *(record.end for record in read_records(tmp_path / "s", start))]
    for first in range(len(ends)):
        for last in range(first, len(ends)):
            found = list(read_records(tmp_path / "s", ends[first], ends[last]))
            assert [tuple(record[1:7]) for record in found] == RECORDS[first:last]


def test_a_torn_tail_is_not_read_wherever_it_was_torn(tmp_path: Path) -> None:
    content = written(tmp_path / "s")
    _, start = read_header(tmp_path / "s")
    ends = [record.end for record in read_records(tmp_path / "s", start)]
    for cut in range(ends[-2], ends[-1]):
        (tmp_path / "s").write_bytes(content[:cut])
        assert [record.end for record in read_records(tmp_path / "s", start)] == ends[:-1]


def test_a_changed_byte_costs_its_record_alone(tmp_path: Path) -> None:
    content = bytearray(written(tmp_path / "s"))
    _, start = read_header(tmp_path / "s")
    ends = [record.end for record in read_records(tmp_path / "s", start)]
    # Marker, length, checksum, head and body of the second.
    for place in (ends[0], ends[0] + 4, ends[0] + 7, ends[0] + 9, ends[0] + 13, ends[1] - 1):
        damaged = bytearray(content)
        damaged[place] ^= 0x40
        (tmp_path / "s").write_bytes(damaged)
        assert [record.end for record in read_records(tmp_path / "s", start)] == [ends[0], *ends[2:]]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"HTSPOOL",
        b"HTSPOOL1",
        b"HTSPOOL2",
        b"HTSPOOL4\x05\0\0\0abcde",
        b"something else entirely",
        b"HTSPOOL1\x05\0\0\0abcdefghi",
    ],
)
def test_a_file_without_a_whole_header_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "s").write_bytes(content)
    with pytest.raises(SpoolCorrupt, match=f"{tmp_path}/s@"):
        read_header(tmp_path / "s")


def test_a_dialect_that_nobody_knows_is_refused() -> None:
    with pytest.raises(KeyError):
        encode_record(Record(0, LINE, 0, "", "rumour", b"", ""), b"")


def test_other_files_in_the_folder_are_no_segments(tmp_path: Path) -> None:
    for name in ("000000000002.seg", "000000000010.seg", "notes.seg", "acked.json", "000000000003.seg.tmp"):
        (tmp_path / name).touch()
    assert segments.segment_numbers(tmp_path) == [2, 10]
