"""What the two supervision runs share: a run that watches a process which outlives it."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseOperator, TaskInstanceState
from airflow.sdk.exceptions import AirflowFailException, AirflowRuntimeError
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from airflow.triggers.base import BaseTrigger

from contract.hadoop_rest import HadoopError
from hashtide_airflow import settings, stopping

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)

ASK_TIMES, ASK_AGAIN_S = 3, 1.0


class SuperviseOperator(BaseOperator):
    """Attaches to the process or starts it, waits without a worker slot, and ends in success when its time is up.

    The process belongs to no run: it keeps running when a run ends, is cleared, marked as success or deleted, and when
    Airflow itself is away. Only marking the task or its run as failed stops it.

    Subclasses decide in `turn`, which ends in `wait`. A failed process is restarted within the run, after a growing
    delay; a run itself fails only if the process is not running when the run ends.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.was_killed = False

    def execute(self, context: Context) -> None:
        """Begins one supervision run."""
        ends_at = datetime.now(UTC) + timedelta(seconds=settings.supervision_s())
        self.log.info("supervising until %s", ends_at.isoformat(timespec="seconds"))
        self._apply_stop_request()
        self.turn(context, ends_at)

    def _apply_stop_request(self) -> None:
        """Carries out a stop request that an earlier run left; otherwise this run would attach to what should stop."""
        try:
            if stopping.apply_request(self.dag_id):
                self.log.info("an earlier run was marked as failed: stopping what it watched first")
        except (HadoopError, TimeoutError) as error:
            self.log.warning("stopping what an earlier run watched failed: %s; the stop request stays", error)

    def resume(
        self,
        context: Context,
        event: dict[str, Any],
        run_ends_at: str = "",
        lease_ends_at: str = "",
        **remembered: Any,
    ) -> None:
        """The wait is over: hand over, or decide again.

        Args:
            context: the task's.
            event: what the trigger fired.
            run_ends_at: ISO 8601.
            lease_ends_at: the same, as tasks have it that an older version deferred.
            remembered: what `wait` was given.

        Raises:
            AirflowFailException: the run is over and the process is not running.
        """
        outcome, why = event["outcome"].replace("lease_over", "run_over"), event["why"]
        if outcome == "run_over":
            self.log.info("%s: the process keeps running; the next run attaches to it", why or "run over")
            return
        if outcome == "run_over_without":
            raise AirflowFailException(f"the run ended and the process is not running: {why}")
        self.log.warning("%s: %s", outcome, why)
        self.turn(context, datetime.fromisoformat(run_ends_at or lease_ends_at), **remembered)

    def turn(self, context: Context, ends_at: datetime, **remembered: Any) -> NoReturn:
        """Decides what to do, then waits.

        Args:
            context: the task's.
            ends_at: when the run ends.
            remembered: what the last `wait` was given.
        """
        raise NotImplementedError

    def wait(self, trigger: BaseTrigger, ends_at: datetime, **remembered: Any) -> NoReturn:
        """Gives the worker slot back until the trigger fires."""
        self.defer(trigger=trigger, method_name="resume", kwargs={"run_ends_at": ends_at.isoformat(), **remembered})
        raise AssertionError("defer always raises")

    def on_kill(self) -> None:
        """The task has to end; `is_marked_failed` says whether the process it was starting has to end too."""
        self.was_killed = True


def is_marked_failed(context: Context) -> bool:
    """Whether a person marked this task as failed while it worked (not while it waited); false if unknown."""
    task = context["ti"]
    for _ in range(ASK_TIMES):
        try:
            states = RuntimeTaskInstance.get_task_states(
                dag_id=task.dag_id, task_ids=[task.task_id], run_ids=[task.run_id]
            )
        except (AirflowRuntimeError, OSError) as error:
            log.warning("reading this task's state failed: %s; asking again in %.0f s", error, ASK_AGAIN_S)
            time.sleep(ASK_AGAIN_S)
        else:
            return bool(states.get(task.run_id, {}).get(task.task_id) == TaskInstanceState.FAILED.value)
    return False
