"""What a person did to a waiting task, as far as a trigger can find out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine

from airflow.sdk import TaskInstanceState
from airflow.triggers.base import BaseTrigger
from asgiref.sync import sync_to_async

log = logging.getLogger(__name__)

POLLS = 6
POLL_INTERVAL_S = 0.5

_under_way: set[asyncio.Task[None]] = set()  # the loop itself holds its tasks weakly


@sync_to_async
def task_state(dag_id: str, run_id: str, task_id: str) -> str | None:
    """A task's state as the database has it now; None where it has none, or the run is deleted."""
    # Only inside a task or the triggerer is there anyone to ask.
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    states = RuntimeTaskInstance.get_task_states(dag_id=dag_id, task_ids=[task_id], run_ids=[run_id])
    found = states.get(run_id, {}).get(task_id)
    return str(found) if found else None


@sync_to_async
def queued_runs(dag_id: str) -> int:
    """How many of the DAG's runs wait for their turn."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    return RuntimeTaskInstance.get_dr_count(dag_id=dag_id, states=["queued"])


async def manual_run_waits(trigger: BaseTrigger) -> bool:
    """Whether a manual run waits for this run to end; false if that can't be read."""
    if trigger.task_instance is None:
        return False
    try:
        return await queued_runs(trigger.task_instance.dag_id) > 0
    except Exception as error:  # the supervisor or the API server is away; the next poll asks again
        log.warning("asking for waiting runs failed: %s; asking again at the next poll", error)
        return False


async def wants_stop(trigger: BaseTrigger) -> bool:
    """Whether the wait was ended by marking the task or its run as failed: only that stops a stream.

    Airflow calls a trigger's `on_kill` also for a clear, a mark as success and a deleted run. The process must then
    keep running, since the next try or run attaches to it. A state that can't be read or is still `deferred` is read
    again for some seconds; what is missed here is covered by the listener's stop request.
    """
    task = trigger.task_instance
    if task is None:
        return False
    state: str | None = TaskInstanceState.DEFERRED.value
    for _ in range(POLLS):
        try:
            state = await task_state(task.dag_id, task.run_id, task.task_id)
        except Exception as error:  # the supervisor or the API server is away
            log.warning("reading the state of %s failed: %s; asking again in %s s", task.run_id, error, POLL_INTERVAL_S)
        if state != TaskInstanceState.DEFERRED.value:
            break
        await asyncio.sleep(POLL_INTERVAL_S)
    return state == TaskInstanceState.FAILED.value


async def shielded(work: Coroutine[None, None, None]) -> None:
    """Completes the work of an `on_kill`, whatever Airflow does to the trigger meanwhile.

    The triggerer (3.3) repeats its cancel each second until the trigger is gone, and the second cancel silently ends
    an `on_kill` at its next `await`. So the work runs as a task of its own.
    """
    task = asyncio.create_task(work)
    _under_way.add(task)
    task.add_done_callback(_under_way.discard)
    await asyncio.shield(task)
