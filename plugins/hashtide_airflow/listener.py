"""In the API server: a person marked a supervised task or run as failed, so a stop request is written and applied.

Besides the triggers this is our only code in Airflow's own processes: it must neither fail nor wait.
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

MANUALLY = "state was manually set"  # how Airflow 3.3 reports a person's mark; a task's own failure has an exception
JUST_NOW_S = 10.0
TRIES = 20
FIRST_DELAY_S = 2.0


@hookimpl
def on_task_instance_failed(previous_state: Any, task_instance: Any, error: Any) -> None:  # noqa: ARG001 - Airflow's names
    """A task was marked; ignore tasks of finished runs."""
    if (
        task_instance.dag_id in settings.SUPERVISED
        and MANUALLY in str(error)
        and task_instance.dag_run.state == "running"
    ):
        _when_committed(task_instance, task_instance.dag_id, task_instance.run_id)


@hookimpl
def on_dag_run_failed(dag_run: Any, msg: str) -> None:
    """A run was marked, which also covers a task that was queued or waited for a retry: Airflow reports none for it.

    A run that was still queued watched nothing; a run that had already ended is ignored.
    """
    if dag_run.dag_id not in settings.SUPERVISED or MANUALLY not in msg or dag_run.start_date is None:
        return
    ended_at = dag_run.end_date
    if ended_at and (datetime.now(UTC) - ended_at).total_seconds() < JUST_NOW_S:
        _when_committed(dag_run, dag_run.dag_id, dag_run.run_id)


def _when_committed(marked: Any, dag_id: str, run_id: str) -> None:
    """Airflow calls listeners before it commits; only after the commit is the task failed for everybody."""

    def request_stop(_: Any = None) -> None:
        stop_requests.leave(stop_requests.StopRequest(dag_id, run_id, time.time()))
        threading.Thread(target=retry_stop, args=(dag_id,), name=f"stop {dag_id}", daemon=True).start()

    session = object_session(marked)
    if session is None:
        request_stop()
    else:
        event.listen(session, "after_commit", request_stop, once=True)


def retry_stop(dag_id: str, first_delay_s: float = FIRST_DELAY_S) -> None:
    """Applies the stop request, again while YARN or HDFS is away; after some minutes it is left to the next run."""
    for number in range(TRIES):
        try:
            stopping.apply_request(dag_id)
        except Exception as error:
            delay_s = poll_delay_s(number, first_delay_s)
            log.warning("stopping %s failed: %s; retrying in %.0f s", dag_id, error, delay_s)
            time.sleep(delay_s)
        else:
            return
    log.error("%s was marked as failed and could not be stopped; its next run will stop it", dag_id)
