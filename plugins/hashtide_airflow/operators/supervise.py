"""What the two leases share: a run that watches something that outlives it."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

import requests
from airflow.sdk import BaseOperator, TaskInstanceState
from airflow.sdk.exceptions import AirflowFailException, AirflowRuntimeError
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from airflow.triggers.base import BaseTrigger

from hashtide_airflow import settings, stopping
from hashtide_airflow.hooks.yarn import Unreachable

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)

ASK_TIMES, ASK_AGAIN_S = 3, 1.0


class SuperviseOperator(BaseOperator):
    """Attaches to what runs, or starts it; waits without a worker slot; hands over with success at the lease's end.

    What it watches belongs to no run: it goes on when a run ends, is cleared, marked as success or deleted, and when
    Airflow itself is away. Only marking the task or its run as failed stops it.

    Subclasses decide in `turn`, which ends in `wait`. What failed is started again within the run, after a delay that
    grows; a run itself fails only if at its end there is nothing to hand over.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.was_killed = False

    def execute(self, context: Context) -> None:
        """The lease begins."""
        ends_at = datetime.now(UTC) + timedelta(seconds=settings.supervision_s())
        self.log.info("lease until %s", ends_at.isoformat(timespec="seconds"))
        self._fulfil_wish()
        self.turn(context, ends_at)

    def _fulfil_wish(self) -> None:
        """Stop what was to be stopped with an earlier lease, where nobody has yet; else it would be attached to."""
        try:
            if stopping.apply_request(self.dag_id):
                self.log.info("an earlier lease was marked as failed: what it watched is asked to stop first")
        except (requests.RequestException, Unreachable, TimeoutError) as error:
            self.log.warning("what an earlier lease watched can't be stopped now: %s", error)

    def resume(self, context: Context, event: dict[str, Any], lease_ends_at: str, **remembered: Any) -> None:
        """The wait is over: hand over, or decide anew.

        Raises:
            AirflowFailException: the lease is over and nothing runs.
        """
        outcome, why = event["outcome"], event["why"]
        if outcome == "lease_over":
            self.log.info("%s: handing over to the next run, which attaches to what goes on", why or "lease over")
            return
        if outcome == "lease_over_without":
            raise AirflowFailException(f"at the lease's end nothing runs that could be handed over: {why}")
        self.log.warning("%s: %s", outcome, why)
        self.turn(context, datetime.fromisoformat(lease_ends_at), **remembered)

    def turn(self, context: Context, ends_at: datetime, **remembered: Any) -> NoReturn:
        """Decide, and wait.

        Args:
            context: the task's.
            ends_at: the lease's end.
            remembered: what the last `wait` was given.
        """
        raise NotImplementedError

    def wait(self, trigger: BaseTrigger, ends_at: datetime, **remembered: Any) -> NoReturn:
        """Give the worker slot back until the trigger fires."""
        self.defer(trigger=trigger, method_name="resume", kwargs={"lease_ends_at": ends_at.isoformat(), **remembered})
        raise AssertionError("defer always raises")

    def on_kill(self) -> None:
        """The task is to end. Whether what it was starting has to end too is for `is_marked_failed` to say."""
        self.was_killed = True


def is_marked_failed(context: Context) -> bool:
    """Whether a person marked this task as failed while it was at work (not waiting); no, where nobody can say."""
    task = context["ti"]
    for _ in range(ASK_TIMES):
        try:
            states = RuntimeTaskInstance.get_task_states(
                dag_id=task.dag_id, task_ids=[task.task_id], run_ids=[task.run_id]
            )
        except (AirflowRuntimeError, OSError) as error:
            log.warning("this task's state can't be read: %s", error)
            time.sleep(ASK_AGAIN_S)
        else:
            return bool(states.get(task.run_id, {}).get(task.task_id) == TaskInstanceState.FAILED.value)
    return False
