"""What a person meant who ended a task's wait in the UI."""

from __future__ import annotations

from airflow.sdk import TaskInstanceState
from airflow.triggers.base import BaseTrigger
from asgiref.sync import sync_to_async


@sync_to_async
def task_state(dag_id: str, run_id: str, task_id: str) -> str | None:
    """A task's state as the database has it now; None where it has none, or the run is deleted."""
    # Only inside a task or the triggerer is there anyone to ask.
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    states = RuntimeTaskInstance.get_task_states(dag_id=dag_id, task_ids=[task_id], run_ids=[run_id])
    found = states.get(run_id, {}).get(task_id)
    return str(found) if found else None


async def wants_stop(trigger: BaseTrigger) -> bool:
    """Whether the wait was ended by marking the task, or its run, as failed: that alone stops a stream.

    Airflow calls a trigger's `on_kill` for a clear, a mark as success and a deleted run too. Then the next try or run
    attaches to what goes on, so it must not be touched.
    """
    task = trigger.task_instance
    if task is None:
        return False
    return await task_state(task.dag_id, task.run_id, task.task_id) == TaskInstanceState.FAILED.value
