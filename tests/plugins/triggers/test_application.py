"""The wait for the streaming job."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk._shared.module_loading import import_string

from hashtide_airflow.triggers.application import ApplicationTrigger
from tests.plugins.fake_hadoop import FakeHadoop

TAG = "hashtide-count-g1"


def soon(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def fired(trigger: ApplicationTrigger, meanwhile: Any = None) -> dict[str, Any]:
    """What the trigger says; `meanwhile` is called after it has looked for the first time."""

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
        "generation": 7,
        "run_ends_at": "2026-01-01T00:00:00+00:00",
        "not_before": "2026-01-01T00:00:01+00:00",
        "poll_interval_s": 3.5,
        "yarn_connection_id": "y",
        "hdfs_connection_id": "h",
    }
    path, kwargs = ApplicationTrigger(**given).serialize()  # type: ignore[arg-type]
    assert import_string(path) is ApplicationTrigger
    assert json.loads(json.dumps(kwargs)) == given
    assert import_string(path)(**kwargs).serialize() == (path, given)


def test_it_hands_over_at_the_runs_end_and_touches_nothing(hadoop: FakeHadoop) -> None:
    name = hadoop.submit(TAG)
    event = fired(ApplicationTrigger(1, soon(1), poll_interval_s=0.1))
    assert event == {"outcome": "run_over", "application_id": name, "why": ""}
    assert hadoop.active(TAG) == [name]
    assert all(asked.startswith("GET ") for asked in hadoop.asked)


def test_an_application_that_fails_is_reported_with_its_diagnostics(hadoop: FakeHadoop) -> None:
    name = hadoop.submit(TAG)
    event = fired(
        ApplicationTrigger(1, soon(60), poll_interval_s=0.1),
        lambda: hadoop.end(name, "FAILED", "FAILED", diagnostics="no topic"),
    )
    assert event["outcome"] == "ended"
    assert event["why"] == f"{name} is FAILED: no topic"


def test_an_end_is_not_reported_before_its_time(hadoop: FakeHadoop) -> None:
    hadoop.end(hadoop.submit(TAG), "FAILED", "FAILED")
    due = datetime.now(UTC) + timedelta(seconds=1)
    assert fired(ApplicationTrigger(1, soon(60), due.isoformat(), 0.1))["outcome"] == "ended"
    assert datetime.now(UTC) >= due


def test_while_it_waits_it_sees_what_somebody_else_started(hadoop: FakeHadoop) -> None:
    event = fired(ApplicationTrigger(1, soon(1.5), soon(60), 0.1), lambda: hadoop.submit(TAG))
    assert event["outcome"] == "run_over"


def test_a_silent_yarn_is_waited_for(hadoop: FakeHadoop) -> None:
    hadoop.silent = True

    def speak() -> None:
        hadoop.silent = False

    assert fired(ApplicationTrigger(1, soon(60), poll_interval_s=0.1), speak)["outcome"] == "ended"


def test_a_yarn_that_stays_silent_leaves_nothing_to_hand_over(hadoop: FakeHadoop) -> None:
    hadoop.submit(TAG)
    hadoop.silent = True
    event = fired(ApplicationTrigger(1, soon(1), poll_interval_s=0.1))
    assert event["outcome"] == "run_over_without"
    assert "503" in event["why"]


def test_of_two_the_younger_is_killed(hadoop: FakeHadoop) -> None:
    elder, younger = hadoop.submit(TAG), hadoop.submit(TAG)
    event = fired(ApplicationTrigger(1, soon(1), poll_interval_s=0.1))
    assert event["application_id"] == elder
    assert hadoop.active(TAG) == [elder]
    assert hadoop.applications[1]["state"] == "KILLED"
    assert younger == hadoop.applications[1]["id"]


def killed(monkeypatch: pytest.MonkeyPatch, state: str | None, watched: str) -> None:
    """on_kill of the wait for an application, while the database says that the task is in that state."""

    async def task_state(*_: str) -> str | None:
        return state

    monkeypatch.setattr("hashtide_airflow.triggers.stopping.task_state", task_state)
    monkeypatch.setattr("hashtide_airflow.triggers.stopping.POLL_INTERVAL_S", 0)
    trigger = ApplicationTrigger(1, soon(60))
    trigger.watched = watched
    trigger.task_instance = SimpleNamespace(dag_id="d", run_id="r", task_id="t")  # type: ignore[assignment]
    asyncio.run(trigger.on_kill())


def test_marked_as_failed_it_stops_by_the_marker(hadoop: FakeHadoop, monkeypatch: pytest.MonkeyPatch) -> None:
    killed(monkeypatch, "failed", hadoop.submit(TAG))
    assert hadoop.applications[0]["finalStatus"] == "SUCCEEDED"


@pytest.mark.parametrize("state", ["success", None, "scheduled", "queued", "running", "deferred", "up_for_retry"])
def test_any_other_button_leaves_it_alone(
    hadoop: FakeHadoop, monkeypatch: pytest.MonkeyPatch, state: str | None
) -> None:
    name = hadoop.submit(TAG)
    killed(monkeypatch, state, name)
    assert hadoop.active(TAG) == [name]
    assert hadoop.files == set()


def test_without_hdfs_the_stop_request_is_met_by_yarn(hadoop: FakeHadoop, monkeypatch: pytest.MonkeyPatch) -> None:
    name = hadoop.submit(TAG)
    hadoop.no_hdfs = True
    killed(monkeypatch, "failed", name)
    assert hadoop.applications[0]["state"] == "KILLED"


def test_the_next_one_is_not_stopped_for_what_was_meant_for_the_last(
    hadoop: FakeHadoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = hadoop.submit(TAG)
    hadoop.end(watched, "FINISHED", "SUCCEEDED")
    next_one = hadoop.submit(TAG)
    killed(monkeypatch, "failed", watched)
    assert hadoop.active(TAG) == [next_one]
    assert hadoop.files == set()


def test_it_remembers_what_it_watched(hadoop: FakeHadoop) -> None:
    trigger = ApplicationTrigger(1, soon(0.2), poll_interval_s=0.1)
    name = hadoop.submit(TAG)
    fired(trigger)
    assert trigger.watched == name


def test_nothing_secret_is_an_argument() -> None:
    _, kwargs = ApplicationTrigger(1, soon(1)).serialize()
    assert {key for key in kwargs if "connection" in key} == {"yarn_connection_id", "hdfs_connection_id"}
    assert kwargs["yarn_connection_id"] == "hashtide_yarn"
