"""The simulator's lines again, as a file, in another home, and the driver killed in the middle: the same counts."""

from pathlib import Path
from typing import Any

import pytest

from tests.flow.checking import assert_equal_to_recount, assert_equal_to_truth, sums_that_differ
from tests.flow.inputs import SIMULATED_POSTS
from tests.flow.reading.records import TopicRecord
from tests.flow.recount import recount
from tests.flow.running_stack import RunningStack, kill_driver_within_a_batch

pytestmark = [pytest.mark.flow, pytest.mark.timeout(1500)]

PACE = 1250
"""Lines per second, 160 s in all: slow enough for several batches, so that there is a middle, on two busy cores too."""


@pytest.fixture(scope="module")
def after_kill(stack: RunningStack, simulated: tuple[Path, dict[str, Any]]) -> list[TopicRecord]:
    """The topic of a stack whose driver was killed within a batch before everything was counted."""
    up = stack.start("up", "--source", f"file:{simulated[0]},pace={PACE}", "--until-done")
    try:
        kill_driver_within_a_batch(stack)
    except BaseException:
        up.terminate()
        raise
    out, _ = up.communicate(timeout=1200)
    assert up.returncode == 0, out
    return stack.records()


def test_every_count_equals_the_recount_after_the_driver_was_killed(
    stack: RunningStack, after_kill: list[TopicRecord]
) -> None:
    assert_equal_to_recount(stack, recount(after_kill))
    assert sums_that_differ(stack) == []


def test_a_second_time_in_another_home_with_a_kill_gives_the_same_counts(
    after_kill: list[TopicRecord], simulated: tuple[Path, dict[str, Any]]
) -> None:
    assert len(after_kill) == SIMULATED_POSTS
    assert_equal_to_truth(recount(after_kill), simulated[1])
