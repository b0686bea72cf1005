"""Durable stop requests, written when a person marks a supervision run as failed, removed when carried out.

A trigger's `on_kill` is quick, but nobody calls it while the task is queued, waits for a retry, has just been deferred,
or while the triggerer is away. So the API server leaves a request (`listener`), and whoever comes first carries it out:
the API server itself, a second later, or the next run. A request applies to what was started **before** it. So it stops
a stream once: what the next run starts is younger.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from contract.files import FileLock, LockHeld, make_directory, write_atomically

FOLDER = Path(os.environ.get("AIRFLOW_HOME", tempfile.gettempdir())) / "wishes"  # a name that older versions know


@dataclass(frozen=True)
class StopRequest:
    """Stop what the DAG's runs supervise, if it was started before.

    Attributes:
        dag_id: of the run that was marked.
        run_id: that run.
        at: when it was marked, epoch seconds.
    """

    dag_id: str
    run_id: str
    at: float

    def applies_to(self, started_at: float) -> bool:
        """Whether it stops what was started then (epoch seconds)."""
        return started_at <= self.at


def leave(request: StopRequest) -> None:
    """Keep the request. It replaces an earlier one of the same DAG, which it includes."""
    make_directory(FOLDER)
    write_atomically(_path(request.dag_id), json.dumps(asdict(request)), durably=True)


def pending(dag_id: str) -> StopRequest | None:
    """The request that is not carried out yet; one that can't be read is ignored."""
    try:
        return StopRequest(**json.loads(_path(dag_id).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


@contextmanager
def applying(dag_id: str, within_s: float) -> Iterator[StopRequest | None]:
    """The pending request, for this process alone; removed when the block ends well, kept when it fails.

    None: nothing is requested, or another process has been at it for `within_s`.
    """
    lock = _lock(dag_id, within_s) if pending(dag_id) else None
    if lock is None:
        yield None
        return
    with lock:
        request = pending(dag_id)  # another process may have carried it out while we waited
        yield request
        if request and pending(dag_id) == request:
            _path(dag_id).unlink(missing_ok=True)


def _lock(dag_id: str, within_s: float) -> FileLock | None:
    with suppress(LockHeld):
        return FileLock(_path(dag_id).with_suffix(".lock"), within_s=within_s)
    return None


def _path(dag_id: str) -> Path:
    return FOLDER / f"{dag_id}.json"
