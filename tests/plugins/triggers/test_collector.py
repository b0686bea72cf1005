"""The wait for the collector."""

import asyncio
import json
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk._shared.module_loading import import_string

from contract.source_address import read_stored
from contract.spool.lock import Holder
from hashtide_airflow.hooks.collector import CollectorHook
from hashtide_airflow.triggers.collector import CollectorTrigger, snapshot
from tests.plugins.collectors import HOLD, READY, SILENT, WAIT, living


def soon(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def write_state(spool: Path, *, source: object = "simulator", status: str = "running", error: str = "") -> None:
    """The last word of a collector that is gone: process 1 lives, and has its pid."""
    state = {"pid": 1, "pid_started_at": 1.0, "source": source, "status": status, "error": error}
    (spool / "next").write_text(json.dumps(state))
    (spool / "next").replace(spool / "state.json")


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """One that lives."""
    with living(tmp_path) as process:
        yield process


def fired(trigger: CollectorTrigger, meanwhile: Any = None) -> dict[str, Any]:
    async def first() -> Any:
        waiting = asyncio.ensure_future(anext(aiter(trigger.run())))
        if meanwhile:
            await asyncio.sleep(0.4)
            assert not waiting.done()
            meanwhile()
        return (await asyncio.wait_for(waiting, 20)).payload

    found = asyncio.run(first())
    assert isinstance(found, dict)
    return found


def test_serialize_carries_every_argument() -> None:
    given = {
        "spool": "/s",
        "run_ends_at": "2026-01-01T00:00:00+00:00",
        "not_before": "2026-01-01T00:00:01+00:00",
        "poll_interval_s": 0.5,
        "source": "file:/a",
    }
    path, kwargs = CollectorTrigger(**given).serialize()  # type: ignore[arg-type]
    assert import_string(path) is CollectorTrigger
    assert json.loads(json.dumps(kwargs)) == given
    assert import_string(path)(**kwargs).serialize() == (path, given)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"status": "finished"}, "fine"),
        ({"status": "finished", "source": "file:a"}, "ended"),
        ({"status": "failed"}, "ended"),
        ({"status": "stopped"}, "ended"),
        ({"status": "running"}, "ended"),
    ],
)
def test_what_is_seen_of_one_that_is_gone(tmp_path: Path, state: dict[str, Any], expected: str) -> None:
    write_state(tmp_path, **state)
    assert snapshot(tmp_path, lambda: read_stored("simulator"))[0] == expected


@pytest.mark.parametrize(("wanted", "expected"), [("simulator", "fine"), ("file:a", "source_changed")])
@pytest.mark.usefixtures("collector")
def test_what_is_seen_of_one_that_lives(tmp_path: Path, wanted: str, expected: str) -> None:
    assert snapshot(tmp_path, lambda: read_stored(wanted))[0] == expected


@pytest.mark.parametrize("written", ["jetstream  x:terms=a,geo=1", ["jetstream", "x:geo=1,terms=a"]])
@pytest.mark.parametrize("wanted", ["jetstream x:terms=a,geo=1", '["jetstream", "x:terms=a,geo=1"]'])
def test_an_old_collectors_text_and_a_new_ones_list_name_the_same_sources(
    tmp_path: Path, written: object, wanted: str
) -> None:
    write_state(tmp_path, source=written, status="finished")
    assert snapshot(tmp_path, lambda: read_stored(wanted))[0] == "fine"
    assert snapshot(tmp_path, lambda: read_stored("jetstream"))[0] == "ended"


@pytest.mark.parametrize("status", ["finished", "failed", "running"])
def test_an_earlier_collectors_state_is_not_taken_for_a_silent_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    write_state(tmp_path, source="file:a", status=status)
    with living(tmp_path, SILENT) as process:
        assert snapshot(tmp_path, lambda: read_stored("simulator")) == ("fine", "")
        assert snapshot(tmp_path, lambda: read_stored("file:a")) == ("fine", "")
        monkeypatch.setattr("hashtide_airflow.triggers.collector.FIRST_WORD_S", 0)
        assert snapshot(tmp_path, lambda: read_stored("simulator")) == ("ended", f"pid {process.pid} writes no state")


def test_no_state_is_no_collector(tmp_path: Path) -> None:
    assert snapshot(tmp_path, lambda: read_stored("simulator")) == ("ended", "none was started")


@pytest.mark.usefixtures("collector")
def test_it_hands_over_at_the_runs_end(tmp_path: Path) -> None:
    assert fired(CollectorTrigger(str(tmp_path), soon(0.5), poll_interval_s=0.1)) == {
        "outcome": "run_over",
        "why": "",
    }


def test_a_finished_source_is_waited_on_and_handed_over(tmp_path: Path) -> None:
    write_state(tmp_path, status="finished")
    assert fired(CollectorTrigger(str(tmp_path), soon(0.5), poll_interval_s=0.1))["outcome"] == "run_over"


@pytest.mark.parametrize("waiting", [0, 1])
@pytest.mark.usefixtures("collector")
def test_a_waiting_manual_run_ends_the_present_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waiting: int
) -> None:
    async def queued_runs(dag_id: str) -> int:
        assert dag_id == "collect_posts"
        return waiting

    monkeypatch.setattr("hashtide_airflow.triggers.stopping.queued_runs", queued_runs)
    trigger = CollectorTrigger(str(tmp_path), soon(1), poll_interval_s=0.1)
    trigger.task_instance = SimpleNamespace(dag_id="collect_posts", run_id="r", task_id="t")  # type: ignore[assignment]
    assert fired(trigger) == {"outcome": "run_over", "why": "a manual run waits for its turn" if waiting else ""}


def test_a_runs_own_request_is_waited_for_to_its_end(tmp_path: Path) -> None:
    asked = CollectorTrigger(str(tmp_path), soon(60), poll_interval_s=0.1, source="file:/a")
    finishing = "signal.signal(15, lambda *_: (say('finished'), sys.exit()))\nsay()\n"
    with living(tmp_path, HOLD + finishing + READY + WAIT, "file:/a") as process:
        event = fired(asked, process.terminate)
    assert event == {"outcome": "run_over", "why": "the request is collected"}


@pytest.mark.parametrize("stored", ["simulator file:/b", ["simulator", "file:/b"]])
def test_what_a_run_asked_for_may_be_stored_as_a_list_or_by_an_older_version_as_text(
    tmp_path: Path, stored: Any
) -> None:
    write_state(tmp_path, source=["simulator", "file:/b"], status="finished")
    event = fired(CollectorTrigger(str(tmp_path), soon(5), poll_interval_s=0.1, source=stored))
    assert event == {"outcome": "run_over", "why": "the request is collected"}


def test_an_earlier_runs_end_is_not_the_end_of_what_this_one_asked_for(tmp_path: Path) -> None:
    write_state(tmp_path, source="file:/a", status="finished")
    asked = CollectorTrigger(str(tmp_path), soon(0.5), poll_interval_s=0.1, source="file:/a")
    with living(tmp_path, SILENT):
        assert fired(asked) == {"outcome": "run_over", "why": ""}


def test_a_changed_variable_does_not_touch_what_a_run_asked_for_itself(tmp_path: Path) -> None:
    with living(tmp_path, source="file:/a"):
        event = fired(CollectorTrigger(str(tmp_path), soon(0.5), poll_interval_s=0.1, source="file:/a"))
        assert event["outcome"] == "run_over"
        assert fired(CollectorTrigger(str(tmp_path), soon(5), poll_interval_s=0.1))["outcome"] == "source_changed"


@pytest.mark.usefixtures("collector")
def test_a_changed_source_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    event = fired(
        CollectorTrigger(str(tmp_path), soon(60), poll_interval_s=0.1),
        lambda: monkeypatch.setenv("AIRFLOW_VAR_HASHTIDE_SOURCE", "file:new"),
    )
    assert event == {"outcome": "source_changed", "why": "of simulator"}


@pytest.mark.parametrize(
    ("last", "why"),
    [("say('failed', 'disk full')", "failed: disk full"), ("", "the process ended without writing a last state")],
)
def test_an_end_is_reported_with_its_reason(tmp_path: Path, last: str, why: str) -> None:
    ending = f"say()\nsignal.signal(15, lambda *_: ({last or None}, sys.exit()))\n"
    with living(tmp_path, HOLD + ending + READY + WAIT) as process:
        event = fired(CollectorTrigger(str(tmp_path), soon(60), poll_interval_s=0.1), process.terminate)
    assert event == {"outcome": "ended", "why": why}


def test_an_end_is_not_reported_before_its_time(tmp_path: Path) -> None:
    due = datetime.now(UTC) + timedelta(seconds=1)
    assert fired(CollectorTrigger(str(tmp_path), soon(60), due.isoformat(), 0.1))["outcome"] == "ended"
    assert datetime.now(UTC) >= due


def test_a_run_that_ends_without_a_collector_fails(tmp_path: Path) -> None:
    event = fired(CollectorTrigger(str(tmp_path), soon(0.3), soon(60), 0.1))
    assert event == {"outcome": "run_over_without", "why": "none was started"}


def killed(
    spool: Path, monkeypatch: pytest.MonkeyPatch, state: str | None, watched: Holder | None, stop_s: float = 20
) -> None:
    """on_kill of the wait for a collector, while the database says that."""

    async def task_state(*_: str) -> str | None:
        return state

    monkeypatch.setattr("hashtide_airflow.triggers.stopping.task_state", task_state)
    monkeypatch.setattr("hashtide_airflow.triggers.stopping.POLL_INTERVAL_S", 0)
    monkeypatch.setattr("hashtide_airflow.triggers.collector.STOP_S", stop_s)
    trigger = CollectorTrigger(str(spool), soon(60))
    trigger.watched = watched
    trigger.task_instance = SimpleNamespace(dag_id="d", run_id="r", task_id="t")  # type: ignore[assignment]
    asyncio.run(trigger.on_kill())


@pytest.mark.parametrize(
    ("state", "stopped"), [("failed", True), ("success", False), ("queued", False), ("deferred", False), (None, False)]
)
def test_only_marking_as_failed_stops_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    collector: subprocess.Popen[bytes],
    state: str | None,
    stopped: bool,
) -> None:
    killed(tmp_path, monkeypatch, state, CollectorHook(tmp_path).holder())
    assert (collector.poll() is not None) is stopped


def test_the_next_one_is_not_stopped_for_what_was_meant_for_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, collector: subprocess.Popen[bytes]
) -> None:
    killed(tmp_path, monkeypatch, "failed", Holder(collector.pid, 2.0, collector.pid))
    assert collector.poll() is None


def test_one_that_cannot_be_stopped_from_here_is_left_to_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, collector: subprocess.Popen[bytes]
) -> None:
    monkeypatch.setattr("contract.spool.lock.record_holder", lambda _: 0)  # as in another container
    killed(tmp_path, monkeypatch, "failed", CollectorHook(tmp_path).holder(), 0.3)
    assert collector.poll() is None


def test_it_does_not_fire_while_the_worker_that_deferred_may_linger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashtide_airflow.backoff.RESUME_AFTER_S", 1.0)
    began = time.monotonic()
    assert fired(CollectorTrigger(str(tmp_path), soon(60)))["outcome"] == "ended"
    assert time.monotonic() - began >= 1.0


def test_it_remembers_what_it_watched(tmp_path: Path, collector: subprocess.Popen[bytes]) -> None:
    trigger = CollectorTrigger(str(tmp_path), soon(0.2), poll_interval_s=0.1)
    fired(trigger)
    seen = trigger.watched
    assert seen is not None
    assert seen.pid == collector.pid
    collector.kill()
    collector.wait()
    trigger._snapshot()
    assert trigger.watched == seen
