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

from tests.powercut.cuts import Cut, after, cuts, differences, memory_folder, recorded, sent_needlessly
from tests.powercut.disk import FileSystem
from tests.powercut.recording import Recording
from tests.powercut.runs import FakeTopic, LiveLines, Run

# So many points of each run are tried, drawn by a fixed seed; `HASHTIDE_CUTS=all`: each (many minutes).
POINTS = os.environ.get("HASHTIDE_CUTS", "12")
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
    for cut in cuts(recording, before, file_system, chance, points(recording, chance)):  # type: ignore[arg-type]
        check(cut, scenario)


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


@pytest.mark.parametrize("file_system", FileSystem, ids=lambda each: each.value)
def test_a_line_that_was_fsynced_is_published_even_if_its_source_never_says_it_again(file_system: FileSystem) -> None:
    lines, later = ([b"%s %d." % (word, n) for n in range(count)] for word, count in ((b"live", 1000), (b"later", 20)))
    run, again = (Run(("tcp:host:1",), live=lambda values=values: LiveLines(values)) for values in (lines, later))  # type: ignore[misc]
    chance = random.Random(SEED)  # noqa: S311
    with memory_folder() as root:
        recording, _ = recorded(run, root)
    for cut in cuts(recording, [], file_system, chance, points(recording, chance)):
        records = after(cut, again)
        on_disk, came = b"".join(cut.synced), {value for _, value in records}
        expected = [line for line in lines if line in on_disk or line in came]
        assert differences(records, [expected + later]) == "", f"after operation {cut.at}"
        assert sent_needlessly(cut, records) == [], f"after operation {cut.at}"
