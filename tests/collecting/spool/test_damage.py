"""Damage on disk: what is behind it is kept, and what is lost is one gap in the books."""

import errno
import json
import os
import random
import shutil
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from collecting.source_api import Line
from collecting.spool.segments import SpoolCorrupt, read_header, segment_numbers, segment_path
from collecting.spool.spool import Spool
from contract.spool.position import NOWHERE, Acked, Position, write_acked

BUDGET = 64 * 2**20
Opener = Callable[..., Spool]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opener]:
    spools: list[Spool] = []

    def open_it(directory: Path = tmp_path / "spool", *, budget_bytes: int = BUDGET, replayable: bool = False) -> Spool:
        spool = Spool(directory, budget_bytes=budget_bytes)
        spools.append(spool)
        spool.begin("file:a" if replayable else "tcp:a:1", "a", replayable=replayable)
        return spool

    yield open_it
    for spool in spools:
        spool.close()


def put(spool: Spool, numbers: range, size: int = 10) -> list[int]:
    """Lines of one group each; returns the offset of each line's frame."""
    offsets: list[int | None] = []
    for number in numbers:
        offsets.append(spool.durable.offset or None)
        spool.append(Line(f"c{number}", b"%d " % number + b"x" * size, None), 1_700_000_000_000 + number)
        spool.sync()
    first = read_header(segment_path(spool.directory, 1))[1]
    return [offset or first for offset in offsets]


def flip(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0x40]))


def found(spool: Spool, after: Position | None = None) -> list[object]:
    """Lines by number; a gap event by how many records it says are lost."""
    return [
        int(record.raw.split()[0]) if record.kind == 0 else gap_in(record.raw)["why"].split(": ")[-1]
        for _, _, record in spool.read(spool.acked if after is None else after)
    ]


def gap_in(raw: bytes) -> dict[str, Any]:
    gap: dict[str, Any] = json.loads(raw)["hashtide"]["gap"]
    return gap


def closed_with(opened: Opener, numbers: range, acked: int = 0) -> tuple[Path, list[int]]:
    """A spool's only segment, closed, with so many lines acknowledged; and the offsets of its frames."""
    spool = opened()
    offsets = put(spool, numbers)
    if acked:
        spool.save_acked(Acked([position for position, _, _ in spool.read(NOWHERE)][acked - 1]))
    spool.close()
    return segment_path(spool.directory, 1), offsets


def test_a_flipped_byte_in_an_acknowledged_frame_costs_no_line_behind_it(opened: Opener) -> None:
    path, offsets = closed_with(opened, range(30), acked=10)
    flip(path, offsets[5] + 30)
    again = opened()
    assert found(again) == list(range(10, 30))
    assert (again.acked.records, again.durable.records) == (10, 30)


@pytest.mark.parametrize("place", range(0, 44, 3))
def test_damage_anywhere_in_a_frame_is_one_gap_of_one_record(opened: Opener, place: int) -> None:
    path, offsets = closed_with(opened, range(9))
    flip(path, offsets[4] + place)
    again = opened()
    assert found(again) == [0, 1, 2, 3, "1 lost", 5, 6, 7, 8]
    put(again, range(9, 11))
    assert found(again) == [0, 1, 2, 3, "1 lost", 5, 6, 7, 8, 9, 10]


def test_the_gap_says_where_how_much_and_from_when_to_when(opened: Opener) -> None:
    path, offsets = closed_with(opened, range(9))
    flip(path, offsets[3])
    flip(path, offsets[4])
    again = opened()
    (source_id, event) = next((source_id, record) for _, source_id, record in again.read(NOWHERE) if record.kind == 1)
    assert source_id == "a"
    assert event.received_at == 1_700_000_000_005
    assert gap_in(event.raw) == {
        "source": "a",
        "from": "2023-11-14T22:13:20.002000+00:00",
        "to": "2023-11-14T22:13:20.005000+00:00",
        "why": f"{path}@{offsets[3]}: {offsets[5] - offsets[3]} bytes damaged: 2 lost",
    }


def test_positions_behind_a_hole_are_those_from_before_it(opened: Opener) -> None:
    spool = opened()
    offsets = put(spool, range(9))
    before = {record.cursor: position for position, _, record in spool.read(NOWHERE)}
    spool.close()
    flip(segment_path(spool.directory, 1), offsets[2])
    again = opened()
    after = {record.cursor: position for position, _, record in again.read(NOWHERE) if record.kind == 0}
    assert after == {cursor: before[cursor] for cursor in before if cursor != "c2"}


def test_the_event_of_a_gap_is_the_same_wherever_reading_begins(opened: Opener) -> None:
    path, offsets = closed_with(opened, range(9))
    flip(path, offsets[4])
    again = opened()
    items = list(again.read(NOWHERE))
    (event,) = [record for _, _, record in items if record.kind == 1]
    for position, _, _ in items[:4]:
        assert [record for _, _, record in again.read(position) if record.kind == 1] == [event]
    assert found(again, items[4][0]) == [5, 6, 7, 8]


def test_several_holes_are_several_gaps(opened: Opener) -> None:
    path, offsets = closed_with(opened, range(12))
    for number in (0, 3, 4, 8):
        flip(path, offsets[number] + 20)
    assert found(opened()) == ["1 lost", 1, 2, "2 lost", 5, 6, 7, "1 lost", 9, 10, 11]


def test_a_zeroed_page_is_one_gap(opened: Opener) -> None:
    path, offsets = closed_with(opened, range(400))
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(bytes(4096))
    again = opened()
    lost = [number for number, (begin, end) in enumerate(pairwise(offsets)) if end > 4096 and begin < 8192]
    kept = [number for number in range(400) if number not in lost]
    assert found(again) == [*kept[: lost[0]], f"{len(lost)} lost", *kept[lost[0] :]]


def test_damage_in_a_closed_segment_is_a_gap_and_the_rest_is_read(opened: Opener) -> None:
    spool = opened(budget_bytes=80_000)
    put(spool, range(40), size=1000)
    assert len(segment_numbers(spool.directory)) > 3
    path = segment_path(spool.directory, 2)
    flip(path, path.stat().st_size // 2)  # while it runs
    numbers = found(spool)
    assert numbers.count("1 lost") == 1
    assert len(numbers) == 40
    spool.close()
    assert found(opened(budget_bytes=80_000)) == numbers


@pytest.mark.parametrize("cut", [1, 500, 1200])
def test_a_closed_segment_that_lost_its_end_is_a_gap_before_the_next(opened: Opener, cut: int) -> None:
    spool = opened(budget_bytes=80_000)
    put(spool, range(40), size=1000)
    spool.close()
    path = segment_path(spool.directory, 2)
    os.truncate(path, path.stat().st_size - cut)
    again = opened(budget_bytes=80_000)
    lost = 1 + cut // 1000
    assert found(again).count(f"{lost} lost") == 1
    assert len(found(again)) == 40 - lost + 1


def test_a_damaged_header_needs_a_person_and_says_what_to_do(opened: Opener) -> None:
    spool = opened(budget_bytes=80_000)
    put(spool, range(40), size=1000)
    spool.close()
    path = segment_path(spool.directory, 2)
    held = len([1 for position, _, _ in spool.read(NOWHERE) if position.segment == 2])
    flip(path, 20)
    damaged = opened(budget_bytes=80_000)
    with pytest.raises(SpoolCorrupt, match=r"000000000002.seg@0: the segment's header is damaged: put the file back"):
        found(damaged)
    damaged.close()
    path.unlink()
    again = found(opened(budget_bytes=80_000))
    assert again.count(f"{held} lost") == 1
    assert len(again) == 40 - held + 1


def test_what_was_in_a_segment_that_is_moved_away_is_a_gap_also_of_the_oldest(opened: Opener) -> None:
    spool = opened(budget_bytes=80_000)
    put(spool, range(40), size=1000)
    spool.save_acked(Acked(next(iter(spool.read(NOWHERE)))[0]))
    spool.close()
    held = len([1 for position, _, _ in spool.read(NOWHERE) if position.segment == 1])
    segment_path(spool.directory, 1).unlink()
    assert found(opened(budget_bytes=80_000)) == [f"{held - 1} lost", *range(held, 40)]


def test_of_a_live_source_the_torn_group_keeps_every_whole_line(opened: Opener) -> None:
    """Nobody else has them."""
    spool = opened()
    put(spool, range(5))
    begin = spool.durable.offset
    for number in range(5, 10):
        spool.append(Line(f"c{number}", b"%d x" % number, None), 1_700_000_000_000 + number)
    spool.close()
    flip(segment_path(spool.directory, 1), begin + 3)
    again = Spool(spool.directory, budget_bytes=BUDGET)
    try:
        assert again.begin("tcp:a:1", "a") == "c4"  # it may still have what is lost
        assert found(again) == [0, 1, 2, 3, 4, "1 lost", 6, 7, 8, 9]
    finally:
        again.close()


def test_of_a_source_that_yields_its_lines_again_the_torn_group_is_cut_and_read_again(opened: Opener) -> None:
    """What was never fsynced was never seen: a power cut leaves any of its pages."""
    spool = opened(replayable=True)
    put(spool, range(5))
    begin = spool.durable.offset
    for number in range(5, 10):
        spool.append(Line(f"c{number}", b"%d x" % number, None), 1_700_000_000_000 + number)
    spool.close()
    flip(segment_path(spool.directory, 1), begin + 3)
    again = Spool(spool.directory, budget_bytes=BUDGET)
    try:
        assert again.begin("file:a", "a", replayable=True) == "c4"
        assert found(again) == [0, 1, 2, 3, 4]
    finally:
        again.close()


def test_damage_in_a_group_that_was_fsynced_is_no_torn_group(opened: Opener) -> None:
    spool = opened(replayable=True)
    offsets = put(spool, range(10))
    spool.close()
    flip(segment_path(spool.directory, 1), offsets[6])
    assert found(opened(replayable=True)) == [0, 1, 2, 3, 4, 5, "1 lost", 7, 8, 9]


def test_the_log_blames_no_crash_alone_for_a_last_record_that_is_not_whole(
    opened: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    path, offsets = closed_with(opened, range(5))
    flip(path, offsets[4] + 20)
    assert found(opened()) == [0, 1, 2, 3]
    assert "a crash left them half-written, or the last record is damaged" in caplog.text


def test_a_page_that_the_disk_refuses_to_read_is_damage_like_any_other(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed_with(opened, range(400))
    pread = os.pread

    def refuses(descriptor: int, size: int, offset: int) -> bytes:
        if offset < 8192 and offset + size > 4096:
            raise OSError(errno.EIO, "Input/output error")
        return pread(descriptor, size, offset)

    monkeypatch.setattr(os, "pread", refuses)
    numbers = found(opened())
    assert [each for each in numbers if not isinstance(each, int)] == [f"{400 - len(numbers) + 1} lost"]


def test_a_line_that_holds_a_whole_segment_is_not_taken_for_one(opened: Opener, tmp_path: Path) -> None:
    """Somebody may well collect a spool's file, or mean us harm."""
    path, _ = closed_with(opened, range(20))
    inner = path.read_bytes()
    spool = opened(tmp_path / "outer")
    put(spool, range(3))
    begin = spool.durable.offset
    spool.append(Line("c3", inner, None), 0)
    spool.sync()
    put(spool, range(4, 6))
    spool.close()
    flip(segment_path(spool.directory, 1), begin)
    assert found(opened(tmp_path / "outer")) == [0, 1, 2, "1 lost", 4, 5]


@pytest.mark.parametrize("rubbish", ["random", "zeros", "heads"])
def test_searching_through_a_whole_segment_of_rubbish_takes_seconds(opened: Opener, rubbish: str) -> None:
    spool = opened()
    offsets = put(spool, range(3))
    size = 8 * 2**20
    spool.append(Line("c3", bytes(size), None), 0)
    put(spool, range(4, 6))
    spool.close()
    path = segment_path(spool.directory, 1)
    head = path.read_bytes()[offsets[2] : offsets[2] + 38]
    content = {"random": random.Random(1).randbytes(size), "zeros": bytes(size), "heads": head * (size // 38)}[rubbish]  # noqa: S311
    with path.open("r+b") as file:
        file.seek(offsets[2])
        file.write(content)
    began_s = time.monotonic()
    assert found(opened()) == [0, 1, "2 lost", 4, 5]
    assert time.monotonic() - began_s < 20


def test_any_single_damage_loses_what_it_hit_and_nothing_else(opened: Opener, tmp_path: Path) -> None:
    path, offsets = closed_with(opened, range(40), acked=15)
    content, dice = path.read_bytes(), random.Random(7)  # noqa: S311
    ends = [*offsets[1:], len(content)]
    for each in range(150):
        begin = dice.randrange(offsets[0], len(content))
        size = dice.choice([1, 1, 8, 100, 512])
        damaged = content[:begin] + dice.randbytes(min(size, len(content) - begin)) + content[begin + size :]
        hit = [n for n in range(40) if damaged[offsets[n] : ends[n]] != content[offsets[n] : ends[n]]]
        shutil.copytree(path.parent, tmp_path / f"{each}")
        segment_path(tmp_path / f"{each}", 1).write_bytes(damaged)
        again = opened(tmp_path / f"{each}")
        numbers = [n for n in found(again) if isinstance(n, int)]
        assert numbers == [n for n in range(15, 40) if n not in hit]
        last = max(n for n in range(40) if n not in hit)
        assert again.durable.records == last + 1  # what is last looks like a torn tail
        again.close()


def version_2(path: Path, source: str, numbers: range) -> list[int]:
    """A segment as the version before wrote it; the offset of each frame and the end."""
    content = b"HTSPOOL2"
    header = {"source": source, "source_id": "a", "first_record": numbers[0], "first_note": 0}
    payloads = [json.dumps(header).encode()]
    for number in numbers:
        cursor = b"c%d" % number
        head = struct.pack("<QBBHH", 1_700_000_000_000 + number, 0, 4, len(cursor), 0)
        payloads.append(head + cursor + b"%d x" % number)
    offsets = []
    for payload in payloads:
        content += struct.pack("<II", len(payload), zlib.crc32(payload)) + payload
        offsets.append(len(content))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return offsets


def test_in_a_segment_of_the_version_before_damage_is_a_gap_too(opened: Opener, tmp_path: Path) -> None:
    """How much was lost is not known: at least one record."""
    path = segment_path(tmp_path / "spool", 1)
    offsets = version_2(path, "tcp:a:1", range(20))
    for number in (3, 4, 12):
        flip(path, offsets[number] + 10)
    write_acked(path.parent, Acked(Position(1, offsets[8], 8, 0)))
    again = opened()
    assert found(again) == [8, 9, 10, 11, *range(13, 20), "1 lost"]
    assert (again.acked.records, again.durable.records, again.durable.segment) == (8, 20, 2)
    again.close()
    assert found(opened()) == [8, 9, 10, 11, *range(13, 20), "1 lost"]


def test_in_a_closed_segment_of_the_version_before_the_next_one_says_how_much_is_lost(
    opened: Opener, tmp_path: Path
) -> None:
    path = segment_path(tmp_path / "spool", 1)
    offsets = version_2(path, "tcp:a:1", range(10))
    version_2(segment_path(tmp_path / "spool", 2), "tcp:a:1", range(10, 15))
    for number in (3, 4, 7):
        flip(path, offsets[number] + 10)
    assert found(opened()) == [0, 1, 2, 5, 6, 8, 9, "3 lost", *range(10, 15)]


def test_of_a_file_in_a_segment_of_the_version_before_what_may_be_torn_is_read_again(
    opened: Opener, tmp_path: Path
) -> None:
    path = segment_path(tmp_path / "spool", 1)
    offsets = version_2(path, "file:a", range(20))
    flip(path, offsets[3] + 10)
    flip(path, offsets[12] + 10)
    write_acked(path.parent, Acked(Position(1, offsets[8], 8, 0)))
    again = opened(replayable=True)
    assert again.begin("file:a", "a", replayable=True) == "c11"
    assert found(again) == [8, 9, 10, 11]
