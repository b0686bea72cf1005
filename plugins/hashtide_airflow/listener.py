"""Hears in the API server that a person marked a lease, or its run, as failed; leaves the wish and sees to it.

The only code of ours that works in Airflow's own processes, beside triggers: it may not fail, and may not wait.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime
from typing import Any

from airflow.listeners import hookimpl
from sqlalchemy import event
from sqlalchemy.orm import object_session

from hashtide_airflow import settings, stop_requests, stopping
from hashtide_airflow.backoff import poll_delay_s

log = logging.getLogger(__name__)

MANUALLY = "state was manually set"  # Airflow 3.3's words for a person's mark; a task's own failure has an exception
JUST_NOW_S = 10.0
TRIES = 20
FIRST_DELAY_S = 2.0


@hookimpl
def on_task_instance_failed(previous_state: Any, task_instance: Any, error: Any) -> None:  # noqa: ARG001 - Airflow's names
    """A task was marked. That of a run which is over is not about the stream any more."""
    if (
        task_instance.dag_id in settings.SUPERVISED
        and MANUALLY in str(error)
        and task_instance.dag_run.state == "running"
    ):
        _when_committed(task_instance, task_instance.dag_id, task_instance.run_id)


@hookimpl
def on_dag_run_failed(dag_run: Any, msg: str) -> None:
    """A run was marked: also one whose task was queued or waited for a retry, of which Airflow then says nothing.

    One that waited for its turn was on nothing; one that had ended before keeps its end.
    """
    if dag_run.dag_id not in settings.SUPERVISED or MANUALLY not in msg or dag_run.start_date is None:
        return
    ended_at = dag_run.end_date
    if ended_at and (datetime.now(UTC) - ended_at).total_seconds() < JUST_NOW_S:
        _when_committed(dag_run, dag_run.dag_id, dag_run.run_id)


def _when_committed(marked: Any, dag_id: str, run_id: str) -> None:
    """Airflow calls before it commits: only then is the task failed, and what a trigger says of it of no effect."""

    def wish(_: Any = None) -> None:
        stop_requests.leave(stop_requests.StopRequest(dag_id, run_id, time.time()))
        threading.Thread(target=retry_stop, args=(dag_id,), name=f"wish {dag_id}", daemon=True).start()

    session = object_session(marked)
    if session is None:
        wish()
    else:
        event.listen(session, "after_commit", wish, once=True)


def retry_stop(dag_id: str, first_delay_s: float = FIRST_DELAY_S) -> None:
    """Fulfil the wish, and try again where YARN or HDFS is away; after some minutes it is left to the next lease."""
    for number in range(TRIES):
        try:
            stopping.apply_request(dag_id)
        except Exception as error:
            log.warning("%s was marked as failed and is not stopped yet: %s", dag_id, error)
            time.sleep(poll_delay_s(number, first_delay_s))
        else:
            return
    log.error("%s was marked as failed and could not be stopped; its next lease will", dag_id)
