"""What ends a wait, and an `on_kill` that Airflow cancels again each second."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from hashtide_airflow.triggers import stopping


class Trigger:
    """As far as the wish knows one."""

    task_instance: Any = SimpleNamespace(dag_id="d", run_id="r", task_id="t")


def states_are(monkeypatch: pytest.MonkeyPatch, *states: str | Exception | None) -> None:
    said = iter(states)

    async def task_state(*_: str) -> str | None:
        found = next(said)
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(stopping, "task_state", task_state)
    monkeypatch.setattr(stopping, "POLL_INTERVAL_S", 0)


@pytest.mark.parametrize(
    ("states", "stops"),
    [
        (["failed"], True),
        (["deferred", "deferred", "failed"], True),
        ([RuntimeError("the API is away"), "failed"], True),
        ([RuntimeError("away")] * stopping.POLLS, False),
        (["deferred"] * stopping.POLLS, False),
        (["deferred", "success"], False),
        ([None], False),
    ],
)
def test_the_state_is_read_again_until_it_says_something(
    monkeypatch: pytest.MonkeyPatch, states: list[str | Exception | None], stops: bool
) -> None:
    states_are(monkeypatch, *states)
    assert asyncio.run(stopping.wants_stop(Trigger())) is stops  # type: ignore[arg-type]


def test_a_second_cancel_does_not_end_the_work_of_an_on_kill() -> None:
    done: list[str] = []

    async def work() -> None:
        await asyncio.sleep(0.1)
        done.append("stopped")

    async def as_the_triggerer_does() -> None:
        on_kill = asyncio.create_task(stopping.shielded(work()))
        for _ in range(3):
            await asyncio.sleep(0.01)
            on_kill.cancel("user-action")
        with pytest.raises(asyncio.CancelledError):
            await on_kill
        assert done == []
        await asyncio.sleep(0.2)

    asyncio.run(as_the_triggerer_does())
    assert done == ["stopped"]
