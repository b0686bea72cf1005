"""The segments on disk: what they take, and where a source goes on when its segments are gone."""

import threading
from pathlib import Path

from collecting.spool.archive import Archive
from collecting.spool.segments import (
    CURSOR_ONLY,
    EVENT,
    LINE,
    Header,
    Record,
    encode_header,
    encode_record,
    segment_path,
)
from contract.spool.position import NOWHERE, Position


def write_segment(directory: Path, number: int, source_id: str, *records: tuple[int, str]) -> int:
    """A segment with records of (kind, cursor); its size."""
    content = encode_header(Header("address", source_id, 10 * number, number))
    for kind, cursor in records:
        content += encode_record(Record(0, kind, 0, cursor, None, cursor.encode(), ""), b"")
    segment_path(directory, number).write_bytes(content)
    return len(content)


def test_adds_up_what_is_there_what_grows_and_what_goes(tmp_path: Path) -> None:
    first, second = (write_segment(tmp_path, number, "a", (LINE, "c")) for number in (1, 2))
    archive = Archive(tmp_path)
    assert (archive.numbers, archive.total_bytes) == ([1, 2], first + second)
    archive.resize(2, second + 100)
    archive.resize(3, 50)
    assert (archive.numbers, archive.total_bytes, archive.size(2)) == ([1, 2, 3], first + second + 150, second + 100)


def test_a_removed_segment_leaves_its_cursor_only_if_no_later_one_is_of_its_source(tmp_path: Path) -> None:
    write_segment(tmp_path, 1, "a", (LINE, "a1"))
    write_segment(tmp_path, 2, "b", (LINE, "b1"))
    last = write_segment(tmp_path, 3, "a", (LINE, "a2"))
    archive = Archive(tmp_path)
    archive.remove(1)
    assert not (tmp_path / "cursors.json").exists()
    archive.remove(2)
    assert (archive.numbers, archive.total_bytes) == ([3], last)
    assert [Archive(tmp_path).find_cursor(source_id) for source_id in ("a", "b", "c")] == ["a2", "b1", None]


def test_the_cursor_is_that_of_the_last_record_of_any_kind_that_has_one(tmp_path: Path) -> None:
    write_segment(tmp_path, 1, "a", (LINE, "a1"), (CURSOR_ONLY, "a2"), (EVENT, ""))
    write_segment(tmp_path, 2, "a")
    assert Archive(tmp_path).find_cursor("a") == "a2"


def test_a_segment_begins_where_its_header_says(tmp_path: Path) -> None:
    size = write_segment(tmp_path, 7, "a")
    assert Archive(tmp_path).start_of(7) == Position(7, size, 70, 7)
    assert Archive(tmp_path).start_of(8) == NOWHERE


def test_what_somebody_reads_is_not_removed_meanwhile(tmp_path: Path) -> None:
    for number in (1, 2):
        write_segment(tmp_path, number, "a", (LINE, f"a{number}"))
    archive = Archive(tmp_path)
    removing = threading.Thread(target=archive.remove, args=(1,))
    with archive.nothing_removed():
        removing.start()
        removing.join(timeout=0.5)
        assert segment_path(tmp_path, 1).exists()
    removing.join(timeout=30)
    assert archive.numbers == [2]
