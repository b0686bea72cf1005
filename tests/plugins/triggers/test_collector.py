"""The wait for the collector."""

import asyncio
import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from airflow.sdk._shared.module_loading import import_string

from hashtide_airflow.triggers.collector import CollectorTrigger, look


def soon(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def write_state(
    spool: Path, *, source: str = "simulator", status: str = "running", alive: bool = True, error: str = ""
) -> None:
    """The state of a collector; this very process stands in for a living one."""
    state = {
        "pid": os.getpid(),
        "pid_started_at": psutil.Process().create_time() - (0 if alive else 3600),
        "source": source,
        "status": status,
        "error": error,
    }
    (spool / "next").write_text(json.dumps(state))
    (spool / "next").replace(spool / "state.json")


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
        "lease_ends_at": "2026-01-01T00:00:00+00:00",
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
        ({}, "fine"),
        ({"source": "file:a"}, "source_changed"),
        ({"status": "finished", "alive": False}, "fine"),
        ({"status": "finished", "alive": False, "source": "file:a"}, "ended"),
        ({"status": "failed", "alive": False}, "ended"),
        ({"status": "stopped", "alive": False}, "ended"),
        ({"status": "running", "alive": False}, "ended"),
    ],
)
def test_what_is_seen(tmp_path: Path, state: dict[str, Any], expected: str) -> None:
    write_state(tmp_path, **state)
    assert look(tmp_path, lambda: "simulator")[0] == expected


def test_no_state_is_no_collector(tmp_path: Path) -> None:
    assert look(tmp_path, lambda: "simulator") == ("ended", "none was started")


def test_it_hands_over_at_the_leases_end(tmp_path: Path) -> None:
    write_state(tmp_path)
    assert fired(CollectorTrigger(str(tmp_path), soon(0.5), poll_interval_s=0.1)) == {
        "outcome": "lease_over",
        "why": "",
    }


def test_a_finished_source_is_waited_on_and_handed_over(tmp_path: Path) -> None:
    write_state(tmp_path, status="finished", alive=False)
    assert fired(CollectorTrigger(str(tmp_path), soon(0.5), poll_interval_s=0.1))["outcome"] == "lease_over"


@pytest.mark.parametrize("waiting", [0, 1])
def test_a_run_by_hand_that_waits_ends_the_lease(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waiting: int) -> None:
    async def queued_runs(dag_id: str) -> int:
        assert dag_id == "collect_posts"
        return waiting

    monkeypatch.setattr("hashtide_airflow.triggers.wish.queued_runs", queued_runs)
    write_state(tmp_path)
    trigger = CollectorTrigger(str(tmp_path), soon(1), poll_interval_s=0.1)
    trigger.task_instance = SimpleNamespace(dag_id="collect_posts", run_id="r", task_id="t")  # type: ignore[assignment]
    assert fired(trigger) == {"outcome": "lease_over", "why": "a run by hand waits for its turn" if waiting else ""}


def test_what_a_run_asked_for_itself_is_waited_for_to_its_end(tmp_path: Path) -> None:
    write_state(tmp_path, source="file:/a")
    asked = CollectorTrigger(str(tmp_path), soon(60), poll_interval_s=0.1, source="file:/a")
    event = fired(asked, lambda: write_state(tmp_path, source="file:/a", status="finished", alive=False))
    assert event == {"outcome": "lease_over", "why": "what was asked for is collected"}


def test_a_changed_variable_does_not_touch_what_a_run_asked_for_itself(tmp_path: Path) -> None:
    write_state(tmp_path, source="file:/a")
    event = fired(CollectorTrigger(str(tmp_path), soon(0.5), poll_interval_s=0.1, source="file:/a"))
    assert event["outcome"] == "lease_over"
    assert fired(CollectorTrigger(str(tmp_path), soon(5), poll_interval_s=0.1))["outcome"] == "source_changed"


def test_a_changed_source_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_state(tmp_path)
    event = fired(
        CollectorTrigger(str(tmp_path), soon(60), poll_interval_s=0.1),
        lambda: monkeypatch.setenv("AIRFLOW_VAR_HASHTIDE_SOURCE", "file:new"),
    )
    assert event == {"outcome": "source_changed", "why": "of simulator"}


def test_a_failure_is_reported_with_its_reason(tmp_path: Path) -> None:
    write_state(tmp_path)
    event = fired(
        CollectorTrigger(str(tmp_path), soon(60), poll_interval_s=0.1),
        lambda: write_state(tmp_path, status="failed", alive=False, error="disk full"),
    )
    assert event == {"outcome": "ended", "why": "failed: disk full"}


def test_an_end_is_not_reported_before_its_time(tmp_path: Path) -> None:
    due = datetime.now(UTC) + timedelta(seconds=1)
    assert fired(CollectorTrigger(str(tmp_path), soon(60), due.isoformat(), 0.1))["outcome"] == "ended"
    assert datetime.now(UTC) >= due


def test_at_the_leases_end_without_a_collector_there_is_nothing_to_hand_over(tmp_path: Path) -> None:
    event = fired(CollectorTrigger(str(tmp_path), soon(0.3), soon(60), 0.1))
    assert event == {"outcome": "lease_over_without", "why": "none was started"}


def killed(spool: Path, monkeypatch: pytest.MonkeyPatch, state: str | None, watched: tuple[int, float]) -> list[float]:
    """on_kill of the wait for a collector, while the database says that; how often something was stopped."""
    stops: list[float] = []

    async def task_state(*_: str) -> str | None:
        return state

    monkeypatch.setattr("hashtide_airflow.triggers.wish.task_state", task_state)
    monkeypatch.setattr("hashtide_airflow.triggers.wish.LOOK_INTERVAL_S", 0)
    monkeypatch.setattr("hashtide_airflow.hooks.collector.CollectorHook.stop", lambda _, timeout: stops.append(timeout))
    trigger = CollectorTrigger(str(spool), soon(60))
    trigger.watched = watched
    trigger.task_instance = SimpleNamespace(dag_id="d", run_id="r", task_id="t")  # type: ignore[assignment]
    asyncio.run(trigger.on_kill())
    return stops


@pytest.mark.parametrize(
    ("state", "stopped"), [("failed", True), ("success", False), ("queued", False), ("deferred", False), (None, False)]
)
def test_only_marking_as_failed_stops_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str | None, stopped: bool
) -> None:
    write_state(tmp_path)
    assert bool(killed(tmp_path, monkeypatch, state, (os.getpid(), psutil.Process().create_time()))) is stopped


def test_the_next_one_is_not_stopped_for_what_was_meant_for_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_state(tmp_path)
    assert killed(tmp_path, monkeypatch, "failed", (1, 2.0)) == []


def test_it_does_not_fire_while_the_worker_that_deferred_may_linger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashtide_airflow.backoff.RESUME_AFTER_S", 1.0)
    began = time.monotonic()
    assert fired(CollectorTrigger(str(tmp_path), soon(60)))["outcome"] == "ended"
    assert time.monotonic() - began >= 1.0


def test_it_remembers_what_it_watched(tmp_path: Path) -> None:
    write_state(tmp_path)
    trigger = CollectorTrigger(str(tmp_path), soon(0.2), poll_interval_s=0.1)
    fired(trigger)
    assert trigger.watched == (os.getpid(), psutil.Process().create_time())
