"""The whole of it, for real: what went in, and what must then be in Postgres by a recount that shares no code.

A stack that nobody disturbs: recorded data and broken lines as files, then the simulator. `test_kill.py` disturbs one.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.flow.checking import assert_equal_to_recount, assert_equal_to_truth, sums_that_differ
from tests.flow.comparing import differences
from tests.flow.inputs import BROKEN, SIMULATOR, recorded_lines
from tests.flow.reading.records import TopicRecord
from tests.flow.recount import recount
from tests.flow.running_stack import RunningStack

pytestmark = [pytest.mark.flow, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def lines_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The recorded lines, where they are, and the broken ones; the very last line has no end."""
    folder = tmp_path_factory.mktemp("lines")
    contents = {"broken.jsonl": b"\n".join(line.raw for line in BROKEN)}
    if recorded := recorded_lines():
        contents["recorded.jsonl"] = b"\r\n".join(recorded) + b"\r\n"
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in contents]


@pytest.fixture(scope="module")
def after_files(stack: RunningStack, lines_files: list[Path]) -> list[TopicRecord]:
    """The topic after the files."""
    finished = stack.run("up", "--source", f"file:{','.join(map(str, lines_files))}", "--until-done")
    assert finished.returncode == 0, finished.stdout
    return stack.records()


@pytest.fixture(scope="module")
def after_simulator(stack: RunningStack, after_files: list[TopicRecord]) -> list[TopicRecord]:
    """The topic after the files and the simulator."""
    assert after_files
    finished = stack.run("up", "--source", SIMULATOR, "--until-done")
    assert finished.returncode == 0, finished.stdout
    return stack.records()


def test_every_line_of_the_files_is_in_the_topic_as_it_was(after_files: list[TopicRecord]) -> None:
    expected = Counter(line.raw for line in BROKEN) + Counter(recorded_lines())
    assert differences(expected, Counter(record.value for record in after_files)) == []


@pytest.mark.recorded
def test_every_recorded_line_is_counted_as_the_recount_has_it(
    stack: RunningStack, after_files: list[TopicRecord], lines_files: list[Path]
) -> None:
    assert "recorded.jsonl" in [path.name for path in lines_files]
    assert_equal_to_recount(stack, recount(after_files))


def test_every_broken_line_is_listed_with_its_place_and_reason_or_counted(
    stack: RunningStack, after_files: list[TopicRecord]
) -> None:
    dead = stack.dead_letters()
    words = {key[4] for key in stack.counts() if key[0] == "word"}
    kinds = {kind for _, _, kind, _ in stack.control_messages()}
    places = {record.value: record.place for record in after_files}
    wrong = []
    for line in BROKEN:
        if line.kind == "dead":
            found: object = dead.get(places[line.raw])
            as_it_should = found == line.term
        else:
            found = line.term in (words if line.kind == "post" else kinds)
            as_it_should = bool(found)
        if not as_it_should:
            wrong.append((line.raw[:60], line.kind, line.term[:60], found))
    assert wrong == []


def test_every_count_equals_the_recount(stack: RunningStack, after_simulator: list[TopicRecord]) -> None:
    assert_equal_to_recount(stack, recount(after_simulator))


def test_the_simulators_posts_are_what_it_says_it_made(
    after_files: list[TopicRecord], after_simulator: list[TopicRecord], simulated: tuple[Path, dict[str, Any]]
) -> None:
    before = {record.place for record in after_files}
    result = recount(record for record in after_simulator if record.place not in before)
    assert_equal_to_truth(result, simulated[1])


def test_hours_and_days_are_the_sums_of_their_buckets(stack: RunningStack, after_simulator: list[TopicRecord]) -> None:
    assert after_simulator
    assert sums_that_differ(stack) == []


def test_the_same_source_again_is_done_at_once_and_changes_nothing(
    stack: RunningStack, after_simulator: list[TopicRecord]
) -> None:
    before = stack.query("select * from books order by generation")
    again = stack.run("up", "--source", SIMULATOR, "--until-done")
    assert again.returncode == 0, again.stdout
    assert stack.query("select * from books order by generation") == before
    assert f"{len(after_simulator):,}" in again.stdout, "the books name the records"
