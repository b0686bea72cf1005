"""When waiting makes no sense any more."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contract.source_address import read_stored
from contract.spool.state import CollectorState
from stack.config.endpoints import Endpoints
from stack.config.errors import StackError
from stack.config.hints import Hints
from stack.observe.ledger import Ledger
from stack.observe.stages import Application, Snapshot
from stack.observe.watch import FAILED_SUBMITS, Watch, describe

BEGAN = datetime(2026, 1, 31, 12, tzinfo=UTC)
AFTER, BEFORE = (datetime(2026, 1, 31, 12, tzinfo=UTC).timestamp() + late_s for late_s in (5, -5))
SOURCES, OTHERS = read_stored("file:a"), read_stored("file:b")
COLLECTOR = CollectorState(SOURCES, "running", None, "", 10, 5, updated_at=AFTER)
NOWHERE = Path("/nowhere")
HINTS = Hints(Endpoints(NOWHERE, "", NOWHERE, "", "posts", "", "", "", NOWHERE, NOWHERE, NOWHERE, NOWHERE))
NOW = Snapshot(COLLECTOR, (), -1, Ledger())


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watch(clock: Clock) -> Watch:
    return Watch(SOURCES, BEGAN.timestamp(), stall_timeout_s=300.0, hints=HINTS, clock=clock)


def submit(number: int, final_status: str, after_s: float = 1.0) -> Application:
    started = BEGAN.timestamp() + after_s
    return Application(f"application_1_{number}", "FAILED", final_status, started, "User class threw\n  at …")


def test_a_collector_that_failed_since_we_began_ends_the_wait(watch: Watch) -> None:
    failed = replace(COLLECTOR, status="failed", error="a: line 5: damaged")
    with pytest.raises(StackError, match=r"the collector failed: a: line 5: damaged; see \./hashtide logs collect"):
        watch.check(replace(NOW, collector=failed))


@pytest.mark.parametrize("collector", [replace(COLLECTOR, updated_at=BEFORE), replace(COLLECTOR, sources=OTHERS)])
def test_an_old_failure_or_another_sources_does_not(watch: Watch, collector: CollectorState) -> None:
    watch.check(replace(NOW, collector=replace(collector, status="failed")))


def test_a_streaming_job_that_fails_again_and_again_ends_the_wait(watch: Watch) -> None:
    failed = tuple(submit(number, "FAILED") for number in range(FAILED_SUBMITS))
    watch.check(replace(NOW, applications=failed[:-1]))
    with pytest.raises(StackError, match="failed 3 times, the last was application_1_0: User class threw at …"):
        watch.check(replace(NOW, applications=failed))


def test_failures_before_we_began_and_requested_stops_do_not_count(watch: Watch) -> None:
    watch.check(replace(NOW, applications=tuple(submit(number, "FAILED", -1.0) for number in range(9))))
    watch.check(replace(NOW, applications=tuple(submit(number, "SUCCEEDED") for number in range(9))))


def test_nothing_moving_ends_the_wait(watch: Watch, clock: Clock) -> None:
    watch.check(NOW)
    clock.now = 299.0
    watch.check(replace(NOW, collector=replace(COLLECTOR, updated_at=AFTER + 3600)))
    clock.now = 301.0
    with pytest.raises(StackError, match="nothing has moved for 300 s"):
        watch.check(NOW)


@pytest.mark.parametrize(
    "moved",
    [
        replace(NOW, collector=replace(COLLECTOR, records_acked=6)),
        replace(NOW, newest_batch=0),
        replace(NOW, ledger=Ledger(last_batch=0)),
        replace(NOW, applications=(submit(1, "UNDEFINED"),)),
    ],
)
def test_any_stage_that_gets_on_keeps_the_wait(watch: Watch, clock: Clock, moved: Snapshot) -> None:
    watch.check(NOW)
    clock.now = 299.0
    watch.check(moved)
    clock.now = 598.0
    watch.check(moved)


def test_what_cannot_be_seen_is_called_unknown() -> None:
    text = describe(Snapshot(None, None, None, None))
    assert text == "collect: not yet · count: unknown, unknown · compact: unknown"
