"""Stops the collector or the streaming job, but only the one that is meant."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import requests

from contract import names
from contract.files import FileLock, LockHeld
from contract.spool.lock import Holder
from hashtide_airflow import settings, stop_requests
from hashtide_airflow.hooks.collector import CollectorHook
from hashtide_airflow.hooks.hdfs import StopMarker
from hashtide_airflow.hooks.yarn import Application, YarnHook

log = logging.getLogger(__name__)

LOCKS = Path(os.environ.get("AIRFLOW_HOME", tempfile.gettempdir())) / "locks"
SUBMIT_WITHIN_S = 120.0


def submit_lock(generation: int) -> Path:
    """Whose holder alone may submit the generation's job, or put its stop marker."""
    return LOCKS / f"{names.application_tag(generation)}.lock"


def apply_request(dag_id: str, within_s: float = 60.0) -> bool:
    """Carries out the DAG's stop request, if there is one.

    Returns:
        Whether something was stopped.

    Raises:
        Exception: it failed; the request stays for the next attempt.
    """
    with stop_requests.applying(dag_id, within_s) as request:
        if request is None:
            return False
        stopped = _stop_collector(request) if dag_id == names.COLLECT_DAG else _stop_stream(request)
        log.info("%s of %s was marked as failed: %s", dag_id, request.run_id, stopped or "what ran has already ended")
        return bool(stopped)


def _stop_collector(request: stop_requests.StopRequest) -> str:
    return stop_collector(settings.spool_dir(), lambda holder: request.applies_to(holder.started_at), 60.0)


def _stop_stream(request: stop_requests.StopRequest) -> str:
    return stop_stream(settings.generation(), lambda application: request.applies_to(application.started_ms / 1000))


def stop_collector(spool: Path, is_meant: Callable[[Holder], bool], timeout_s: float) -> str:
    """End the spool's collector, from wherever we are, if it is the one that is meant.

    Returns:
        What was stopped; empty where that one is gone.

    Raises:
        TimeoutError: it still lives.
    """
    hook = CollectorHook(spool)
    holder = hook.holder()
    if holder is None or not is_meant(holder) or not hook.stop(timeout_s, holder):
        return ""
    return f"stopped the collector, pid {holder.pid}"


def stop_stream(generation: int, is_meant: Callable[[Application], bool], hdfs: str = names.HDFS) -> str:
    """The stop marker for the generation's application, if it is the one that is meant; no marker, a kill.

    Under the lock of the submit, which removes the marker: so it never meets the next application.

    Returns:
        What was asked to stop; empty where that one is gone.

    Raises:
        Unreachable: YARN does not answer.
        TimeoutError: a submit has held the lock for two minutes.
    """
    try:
        with FileLock(submit_lock(generation), within_s=SUBMIT_WITHIN_S):
            return _stop_applications(generation, is_meant, hdfs)
    except LockHeld:
        raise TimeoutError(f"a submit of generation {generation} does not end") from None


def _stop_applications(generation: int, is_meant: Callable[[Application], bool], hdfs: str) -> str:
    yarn = YarnHook()
    meant = [each for each in yarn.applications(names.application_tag(generation)) if each.active and is_meant(each)]
    if not meant:
        return ""
    stopped = ", ".join(each.id for each in meant)
    try:
        StopMarker(generation, hdfs).put()
    except (requests.RequestException, OSError) as error:  # killed instead: counts survive a kill
        log.warning("no stop marker (%s): killing %s instead", error, stopped)
        for each in meant:
            yarn.kill(each.id)
        return f"killed {stopped}"
    return f"asked {stopped} to stop after its batch"
