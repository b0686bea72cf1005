"""The spool: nothing that was synced is lost, whatever happens to the process, and the budget holds."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from collecting.source_api import Line
from collecting.spool import segments
from collecting.spool import spool as spooling
from collecting.spool.segments import SpoolCorrupt, segment_numbers, segment_path
from collecting.spool.spool import Spool
from contract.files import LockHeld
from contract.spool.position import NOWHERE, Acked, Position, read_acked, write_acked

BUDGET = 64 * 2**20
Opener = Callable[..., Spool]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opener]:
    spools: list[Spool] = []

    def open_it(directory: Path = tmp_path / "spool", *, budget_bytes: int = BUDGET, source: str = "a") -> Spool:
        spool = Spool(directory, budget_bytes=budget_bytes)
        spools.append(spool)
        spool.begin(f"file:{source}", source)
        return spool

    yield open_it
    for spool in spools:
        spool.close()


def put(spool: Spool, numbers: range, size: int = 10) -> None:
    for number in numbers:
        spool.append(Line(f"c{number}", b"%d " % number + b"x" * size, None), number)
    spool.sync()


def numbers_in(spool: Spool, after: Position = NOWHERE) -> list[int]:
    return [int(record.raw.split()[0]) for _, _, record in spool.read(after) if record.kind == 0]


@pytest.mark.parametrize("size", [8, 9, 512, 4096])
def test_zeros_that_a_power_cut_left_at_the_end_are_cut_off(opened: Opener, size: int) -> None:
    spool = opened()
    put(spool, range(10))
    spool.close()
    with segment_path(spool.directory, 1).open("ab") as file:
        file.write(bytes(size))
    again = opened()
    put(again, range(10, 12))
    assert numbers_in(again) == list(range(12))


def test_what_the_disk_lost_of_the_acknowledged_hides_no_new_line_from_the_publisher(
    opened: Opener, tmp_path: Path
) -> None:
    spool = opened()
    put(spool, range(10))
    kept = segment_path(spool.directory, 1).read_bytes()
    put(spool, range(10, 20))
    spool.save_acked(Acked(spool.durable))
    spool.close()
    segment_path(spool.directory, 1).write_bytes(kept)  # as a power cut may leave it

    put(opened(), range(20, 45))
    shutil.copytree(tmp_path / "spool", tmp_path / "crashed")  # before anything of it is acknowledged
    again = opened(tmp_path / "crashed")
    assert numbers_in(again, again.acked) == list(range(20, 45))


def test_lines_come_out_in_order_with_their_source(opened: Opener) -> None:
    spool = opened()
    put(spool, range(3))
    found = list(spool.read(NOWHERE))
    assert [(source_id, record.cursor, record.received_at) for _, source_id, record in found] == [
        ("a", "c0", 0),
        ("a", "c1", 1),
        ("a", "c2", 2),
    ]
    assert [position.records for position, _, _ in found] == [1, 2, 3]


def test_reading_goes_on_from_any_position_across_segments(opened: Opener) -> None:
    spool = opened(budget_bytes=80_000)
    put(spool, range(40), size=1000)
    assert len(segment_numbers(spool.directory)) > 3
    for position, _, record in spool.read(NOWHERE):
        assert numbers_in(spool, position) == list(range(int(record.raw.split()[0]) + 1, 40))


def test_a_line_is_on_disk_a_tenth_of_a_second_later_without_asking(opened: Opener) -> None:
    spool = opened()
    spool.append(Line("c", b"raw", None), 0)
    assert spool.wait_for_more(NOWHERE, timeout_s=2)
    assert spool.durable.records == 1


def test_nothing_is_readable_before_it_is_synced(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spooling, "FSYNC_INTERVAL_S", 1000)
    spool = opened()
    spool.append(Line("c", b"0 raw", None), 0)
    assert numbers_in(spool) == []
    spool.sync()
    assert numbers_in(spool) == [0]


def test_goes_on_after_a_restart_with_cursor_counts_and_position(opened: Opener) -> None:
    spool = opened()
    put(spool, range(5))
    spool.append_event({"gap": {"why": "w"}}, 9)
    spool.sync()
    position = [position for position, _, _ in spool.read(NOWHERE)][2]
    spool.save_acked(Acked(position))
    spool.close()
    again = opened()
    assert again.begin("file:a", "a") == "c4"
    assert (again.lines_read, again.durable.records, again.acked) == (5, 6, position)
    put(again, range(5, 8))
    assert numbers_in(again) == list(range(8))
    assert again.lines_read == 8


def test_a_crash_at_any_byte_loses_nothing_that_was_whole(opened: Opener, tmp_path: Path) -> None:
    spool = opened(tmp_path / "before")
    put(spool, range(3))
    ends = [position.offset for position, _, _ in spool.read(NOWHERE)]
    spool.close()
    for cut in range(ends[0], ends[2] + 1):
        after = tmp_path / f"after{cut}"
        shutil.copytree(tmp_path / "before", after)
        os.truncate(segment_path(after, 1), cut)
        reopened = opened(after)
        whole = sum(end <= cut for end in ends)
        assert numbers_in(reopened) == list(range(whole))
        assert reopened.begin("file:a", "a") == f"c{whole - 1}"
        put(reopened, range(7, 8))
        assert numbers_in(reopened) == [*range(whole), 7]
        reopened.close()


def test_a_crash_while_a_segment_is_made_leaves_no_trace(opened: Opener) -> None:
    spool = opened()
    put(spool, range(3))
    spool.close()
    (spool.directory / "000000000002.seg.tmp").write_bytes(b"HTSP")
    again = opened()
    assert numbers_in(again) == [0, 1, 2]
    assert not list(again.directory.glob("*.tmp"))


def test_a_crash_right_after_a_segment_was_made_keeps_the_cursor(opened: Opener) -> None:
    spool = opened(budget_bytes=80_000)
    put(spool, range(12), size=1000)
    number = segment_numbers(spool.directory)[-1]
    header = segment_path(spool.directory, number).read_bytes()
    first = next(position for position, _, _ in spool.read(NOWHERE) if position.segment == number)
    last_before = first.records - 2
    spool.close()
    frame = 4 + 8 + 26 + len(f"c{first.records - 1}") + len(b"%d " % (first.records - 1)) + 1000
    segment_path(spool.directory, number).write_bytes(header[: first.offset - frame])
    again = opened(budget_bytes=80_000)
    assert again.begin("file:a", "a") == f"c{last_before}"
    assert numbers_in(again) == list(range(last_before + 1))


def test_a_second_collector_is_refused_with_the_holder_of_the_spool(opened: Opener) -> None:
    spool = opened()
    script = "import sys, pathlib, collecting.spool.spool as s; s.Spool(pathlib.Path(sys.argv[1]), budget_bytes=1)"
    second = subprocess.run(
        [sys.executable, "-c", script, str(spool.directory)],
        env={"PYTHONPATH": "jobs"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert f"is held by process {os.getpid()}" in second.stderr
    spool.close()
    opened()


def test_lets_go_of_the_lock_when_it_cannot_open(tmp_path: Path, opened: Opener) -> None:
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "000000000001.seg").write_bytes(b"rubbish")
    with pytest.raises(SpoolCorrupt):
        opened()
    (tmp_path / "spool" / "000000000001.seg").unlink()
    try:
        opened()
    except LockHeld:
        pytest.fail("the lock is still held")


def test_is_full_when_the_budget_is_used_up_and_nothing_is_acknowledged(opened: Opener) -> None:
    spool = opened(budget_bytes=80_000)
    put(spool, range(70), size=1000)
    fuller = [spool.full]
    put(spool, range(70, 80), size=1000)
    assert [*fuller, spool.full] == [False, True]
    assert numbers_in(spool) == list(range(80))


def test_acknowledged_segments_make_room_oldest_first_and_only_when_it_is_needed(opened: Opener) -> None:
    spool = opened(budget_bytes=80_000)
    put(spool, range(30), size=1000)
    everything = [position for position, _, _ in spool.read(NOWHERE)]
    spool.save_acked(Acked(everything[-1]))
    assert numbers_in(spool) == list(range(30))  # below three quarters of the budget: the archive stays
    put(spool, range(30, 80), size=1000)
    spool.save_acked(Acked(everything[-1]))
    assert not spool.full
    left = numbers_in(spool)
    assert left == list(range(left[0], 80))
    assert 0 < left[0] <= 30
    assert spool.lines_read == 80


def test_what_is_not_acknowledged_is_never_removed(opened: Opener) -> None:
    spool = opened(budget_bytes=80_000)
    put(spool, range(100), size=1000)
    spool.save_acked(Acked(next(iter(spool.read(NOWHERE)))[0]))
    assert numbers_in(spool) == list(range(100))


def test_on_a_full_disk_the_acknowledged_position_is_kept_and_makes_room(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = opened(budget_bytes=80_000)
    put(spool, range(30), size=1000)
    segments_before = len(list(spool.directory.glob("*.seg")))
    write = write_acked

    def full(directory: Path, acked: Acked) -> None:
        if (directory / "reserve").exists():
            raise OSError(28, "No space left on device")
        write(directory, acked)

    monkeypatch.setattr(spooling, "write_acked", full)
    spool.save_acked(Acked(spool.durable))
    assert read_acked(spool.directory) == Acked(spool.durable)
    assert len(list(spool.directory.glob("*.seg"))) == segments_before - 1
    assert (spool.directory / "reserve").exists()  # for the next time


def test_each_source_keeps_its_cursor_also_when_its_segments_are_gone(opened: Opener) -> None:
    spool = opened(budget_bytes=80_000, source="a")
    put(spool, range(20), size=1000)
    assert spool.begin("file:b", "b") is None
    put(spool, range(100, 200), size=1000)
    spool.save_acked(Acked(spool.durable))
    assert min(numbers_in(spool)) >= 100
    spool.close()
    again = opened(budget_bytes=80_000, source="b")
    assert again.begin("file:b", "b") == "c199"
    assert again.begin("file:a", "a") == "c19"
    assert again.begin("file:c", "c") is None


def test_a_changed_setting_of_one_source_keeps_its_cursor(opened: Opener) -> None:
    spool = opened()
    put(spool, range(3))
    assert spool.begin("file:a,pace=5", "a") == "c2"
    put(spool, range(3, 4))
    assert spool.begin("file:a", "a") == "c3"


def test_an_unwritable_disk_is_said_and_what_was_written_stays(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = opened()
    put(spool, range(3))

    def full(_descriptor: int, _data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(segments, "write_all", full)
    spool.append(Line("c3", b"3", None), 0)
    with pytest.raises(OSError, match="No space left"):
        put(spool, range(4, 5))
    with pytest.raises(OSError, match="No space left"):
        spool.append(Line("c5", b"5", None), 0)
    assert numbers_in(spool) == [0, 1, 2]


def test_a_position_beyond_the_spools_end_comes_back_to_it(opened: Opener) -> None:
    spool = opened()
    put(spool, range(3))
    spool.save_acked(Acked(spool.durable))
    size = spool.durable.offset
    spool.close()
    os.truncate(segment_path(spool.directory, 1), size - 1)
    again = opened()
    assert again.acked.records == 2
    put(again, range(9, 10))
    assert numbers_in(again, again.acked) == [9]


def test_syncing_does_not_hold_up_those_who_append(opened: Opener) -> None:
    spool = opened()
    begin = time.monotonic()
    for number in range(20_000):
        spool.append(Line(str(number), b"x" * 100, None), 0)
    assert time.monotonic() - begin < 20  # no fsync a line: that would be minutes
    spool.sync()
    assert spool.durable.records == 20_000


def test_nothing_counts_as_durable_that_fsync_has_not_confirmed(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = opened()
    put(spool, range(2))

    def broken(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("os.fsync", broken)
    spool.append(Line("c2", b"2", None), 0)
    with pytest.raises(OSError, match="Input/output"):
        spool.sync()
    assert spool.durable.records == 2
    assert numbers_in(spool) == [0, 1]


def test_a_spool_that_is_full_of_what_is_acknowledged_makes_room_when_it_is_opened(opened: Opener) -> None:
    spool = opened(budget_bytes=800_000)
    put(spool, range(500), size=1000)
    spool.save_acked(Acked(spool.durable))
    spool.close()
    smaller = opened(budget_bytes=200_000)
    assert smaller.size_bytes < 200_000
    assert not smaller.full
    smaller.close()
    assert not opened(budget_bytes=8_000).full  # one segment alone is more than the budget, and nothing waits


def test_a_note_before_a_sources_first_line_does_not_take_another_sources_cursor(opened: Opener) -> None:
    spool = opened(source="a")
    put(spool, range(3))
    spool.begin("live:b", "b")
    spool.append_event({"gap": {}}, 1)
    spool.sync()
    spool.close()
    again = opened(source="b")
    assert again.begin("live:b", "b") is None
    assert again.begin("file:a", "a") == "c2"


def test_a_cursor_that_was_passed_over_is_gone_on_from_and_is_no_record(opened: Opener) -> None:
    spool = opened()
    put(spool, range(3))
    for number in range(3, 20_000):
        spool.advance_cursor(f"c{number}")
    spool.sync()
    assert spool.size_bytes < 1000  # not one frame a call
    assert numbers_in(spool) == [0, 1, 2]
    assert (spool.durable.records, spool.lines_read) == (3, 3)
    spool.close()
    again = opened()
    assert again.begin("file:a", "a") == "c19999"
    assert (again.durable.records, again.lines_read) == (3, 3)
    put(again, range(30, 32))
    assert numbers_in(again) == [0, 1, 2, 30, 31]
    assert [position.records for position, _, _ in again.read(NOWHERE)] == [1, 2, 3, 4, 5]


def test_a_cursor_that_was_passed_over_is_kept_before_another_source_begins(opened: Opener) -> None:
    spool = opened(source="a")
    spool.advance_cursor("c1")
    spool.advance_cursor("c2")
    assert spool.begin("file:b", "b") is None
    put(spool, range(1))
    assert spool.begin("file:a", "a") == "c2"


def test_what_was_passed_over_before_a_crash_is_at_most_seconds_old(
    opened: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spooling, "CURSOR_INTERVAL_S", 0.0)
    spool = opened()
    spool.advance_cursor("c1")
    spool.advance_cursor("c2")
    spool.sync()
    shutil.copytree(spool.directory, tmp_path / "crashed")
    assert opened(tmp_path / "crashed").begin("file:a", "a") == "c2"
