"""The collector and its spool, cut at every point of a run of 1,000 lines."""

from __future__ import annotations

import json
import logging
import os
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.powercut.cuts import Cut, after, cuts, memory_folder, recorded, sent_needlessly
from tests.powercut.disk import Disk, FileSystem, Outside, Rename
from tests.powercut.recording import Recording
from tests.powercut.runs import SENT, FakeTopic, LiveLines, Run
from tests.powercut.topic import differences

# So many points of each run are tried, drawn by a fixed seed; `HASHTIDE_CUTS=all`: each (many minutes).
POINTS = os.environ.get("HASHTIDE_CUTS", "6")
GAP = b'{"hashtide": {"gap": '
SEED = int(os.environ.get("HASHTIDE_CUTS_SEED", "7"))

pytestmark = pytest.mark.timeout(7200)


@dataclass(frozen=True)
class Scenario:
    """What is run.

    Attributes:
        cut: the run that is cut, and then started again.
        expected: each source's values, as they must be in the topic at last.
        before, then: runs that come to their ends, before it and after its end.
    """

    cut: Run
    expected: list[list[bytes]]
    before: tuple[Run, ...] = ()
    then: tuple[Run, ...] = ()


def posts(first: int, count: int) -> list[bytes]:
    """Lines of two forms, of different lengths; none is equal to another."""
    return [
        json.dumps({"id_str": str(n), "text": f"#a {n} " + "x" * (n % 97), "timestamp_ms": "1700000000000"}).encode()
        if n % 3
        else b"plain line %d" % n
        for n in range(first, first + count)
    ]


def a_file(folder: Path, name: str, lines: list[bytes]) -> str:
    (folder / name).write_bytes(b"".join(line + b"\n" for line in lines))
    return f"file:{folder / name}"


def one_file(folder: Path) -> Scenario:
    lines = posts(0, 1000)
    return Scenario(Run((a_file(folder, "one", lines),)), [lines])


def a_limit(folder: Path) -> Scenario:
    lines = posts(0, 1000)
    return Scenario(Run((f"{a_file(folder, 'one', lines)},limit=700",)), [lines[:700]])


def two_files(folder: Path) -> Scenario:
    one, two = posts(0, 500), posts(10_000, 500)
    return Scenario(Run((a_file(folder, "one", one), a_file(folder, "two", two))), [one, two])


def old_segments_are_removed(folder: Path) -> Scenario:
    lines = posts(0, 1000)
    return Scenario(Run((a_file(folder, "one", lines),), budget_bytes=40_000), [lines])


def another_source_takes_the_spool(folder: Path) -> Scenario:
    """The first one's segments are removed meanwhile, and then it is read again: it has nothing new."""
    one, two = posts(0, 300), posts(10_000, 700)
    first, second = (Run((a_file(folder, *each),), budget_bytes=40_000) for each in (("one", one), ("two", two)))
    return Scenario(second, [one, two], before=(first,), then=(first,))


SCENARIOS = [one_file, a_limit, two_files, old_segments_are_removed, another_source_takes_the_spool]


@pytest.fixture(autouse=True)
def _without_log() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def points(recording: Recording, chance: random.Random, wanted: str = POINTS) -> set[int] | None:
    every = range(len(recording.operations) + 1)
    return None if wanted == "all" else set(chance.sample(every, min(int(wanted), len(every))))


def record(scenario: Scenario, root: Path) -> tuple[Recording, FakeTopic, Sequence[object]]:
    """The run that is to be cut; its topic, and what that held before."""
    topic = FakeTopic()
    for run in scenario.before:
        assert run.start(root / "state/spool", topic) == 0
    before = tuple(topic.records)
    recording, topic = recorded(scenario.cut, root, before)
    return recording, topic, before


@pytest.mark.parametrize("file_system", FileSystem, ids=lambda each: each.value)
@pytest.mark.parametrize("prepare", SCENARIOS, ids=lambda each: each.__name__)
def test_a_cut_anywhere_loses_no_line_and_counts_none_twice(
    prepare: Callable[[Path], Scenario], file_system: FileSystem, tmp_path: Path
) -> None:
    scenario, chance = prepare(tmp_path), random.Random(SEED)  # noqa: S311
    with memory_folder() as root:
        recording, _, before = record(scenario, root)
    tried = 0
    for cut in cuts(recording, before, file_system, chance, points(recording, chance)):  # type: ignore[arg-type]
        check(cut, scenario)
        tried += 1
    print(f"{prepare.__name__} on {file_system.value}: {tried} states")  # noqa: T201 - `pytest -s` shows how much was tried


def check(cut: Cut, scenario: Scenario) -> None:
    records = after(cut, scenario.cut, *scenario.then)
    assert differences(records, scenario.expected) == "", f"after operation {cut.at}"
    assert sent_needlessly(cut, records) == [], f"after operation {cut.at}"


@pytest.mark.parametrize("file_system", FileSystem, ids=lambda each: each.value)
def test_a_second_cut_in_the_start_after_the_first_loses_no_line(file_system: FileSystem, tmp_path: Path) -> None:
    scenario, chance = one_file(tmp_path), random.Random(SEED)  # noqa: S311
    with memory_folder() as root:
        recording, _, before = record(scenario, root)
    firsts = list(cuts(recording, before, file_system, chance, points(recording, chance)))  # type: ignore[arg-type]
    for first in chance.sample(firsts, min(5, len(firsts))):
        with memory_folder() as root:
            first.state.write(root)
            again, _ = recorded(scenario.cut, root, first.records)
        for second in cuts(again, first.records, file_system, chance, points(again, chance, "4")):
            check(second, scenario)


def makes_one(rename: Rename) -> bool:
    """Whether a segment comes to its name."""
    return any(name.endswith(".seg") and inode is not None for (_, name), inode in rename.names)


def live(word: str, count: int) -> tuple[Run, list[bytes]]:
    """A stream that says each line once, ever."""
    lines = [b"%s %d." % (word.encode(), number) for number in range(count)]
    return Run(("tcp:host:1",), live=lambda: LiveLines(lines)), lines


def check_live(cut: Cut, next_run: Run, earlier: list[bytes], later: list[bytes]) -> None:
    records = after(cut, next_run)
    on_disk, came = b"".join(cut.synced), {value for _, value in records}
    expected = [line for line in earlier if line in on_disk or line in came]
    # Lines that nobody had synced may be lost, with a gap in the books where later ones survived.
    lines = [each for each in records if not each[1].startswith(GAP)]
    assert len(lines) == len(records) or expected != earlier, f"a gap and nothing lost after operation {cut.at}"
    assert differences(lines, [expected + later]) == "", f"after operation {cut.at}"
    assert sent_needlessly(cut, records) == [], f"after operation {cut.at}"


@pytest.mark.parametrize("file_system", FileSystem, ids=lambda each: each.value)
def test_a_line_that_was_fsynced_is_published_even_if_its_source_never_says_it_again(file_system: FileSystem) -> None:
    (run, lines), (again, later) = live("first", 1000), live("later", 20)
    chance = random.Random(SEED)  # noqa: S311
    with memory_folder() as root:
        recording, _ = recorded(run, root)
    for cut in cuts(recording, [], file_system, chance, points(recording, chance)):
        check_live(cut, again, lines, later)


@pytest.mark.parametrize("file_system", FileSystem, ids=lambda each: each.value)
def test_names_that_a_killed_collector_had_not_synced_last_once_the_next_one_writes(file_system: FileSystem) -> None:
    (run, lines), (again, more), (last, later) = live("first", 1000), live("more", 100), live("later", 20)
    chance = random.Random(SEED)  # noqa: S311
    with memory_folder() as root:
        recording, _ = recorded(run, root)
    segments = [at for at, each in enumerate(recording.operations, 1) if isinstance(each, Rename) and makes_one(each)]
    for killed_at in (segments[0], segments[-1]):
        done = recording.operations[:killed_at]
        records = [each.value for each in done if isinstance(each, Outside) and each.what == SENT]
        with memory_folder() as root:
            disk = Disk(file_system)
            for operation in done:
                disk.apply(operation)
            disk.now().write(root)
            second, _ = recorded(again, root, records, Recording(root, recording, killed_at))  # type: ignore[arg-type]
        for cut in cuts(second, [], file_system, chance, range(killed_at, killed_at + 40, 6)):
            check_live(cut, last, lines + more, later)
