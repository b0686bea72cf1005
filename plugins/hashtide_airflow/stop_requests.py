"""The wish that a stream stops: kept in a file from when a person marks its lease as failed until it is fulfilled.

A trigger's `on_kill` is quick, but nobody calls it while the task is queued, waits for a retry, has just been deferred,
or while the triggerer is away. So the API server leaves a wish (`listener`), and whoever comes first fulfils it: the
API server itself, a second later, or the next lease. A wish means what was started **before** it. So it stops a stream
once: what the next lease starts is younger.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from hashtide_airflow.hooks.process import locked

FOLDER = Path(os.environ.get("AIRFLOW_HOME", tempfile.gettempdir())) / "wishes"
_LOOK_AGAIN_S = 0.1


@dataclass(frozen=True)
class StopRequest:
    """Stop what the DAG's leases watch, if it was started before.

    Attributes:
        dag_id: whose lease was marked.
        run_id: the run that was.
        at: when, epoch seconds.
    """

    dag_id: str
    run_id: str
    at: float

    def applies_to(self, started_at: float) -> bool:
        """Whether it is about what was started then (epoch seconds)."""
        return started_at <= self.at


def leave(wish: StopRequest) -> None:
    """Keep the wish. A later one of the same DAG takes the place of an earlier one, which it includes."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = _path(wish.dag_id)
    aside = path.with_suffix(f".{os.getpid()}")
    aside.write_text(json.dumps(asdict(wish)))
    aside.replace(path)


def pending(dag_id: str) -> StopRequest | None:
    """The wish that is not fulfilled yet; one that can't be read is none."""
    try:
        return StopRequest(**json.loads(_path(dag_id).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


@contextmanager
def applying(dag_id: str, within_s: float) -> Iterator[StopRequest | None]:
    """The pending wish, for this process alone; it is gone when the block ends well, and stays when it fails.

    None: there is none, or another process has been at it for `within_s`.
    """
    deadline = time.monotonic() + within_s
    while pending(dag_id):
        with locked(_path(dag_id).with_suffix(".lock")) as lock:
            if lock is not None:
                wish = pending(dag_id)  # another one may have fulfilled it while we waited
                yield wish
                if wish and pending(dag_id) == wish:
                    _path(dag_id).unlink(missing_ok=True)
                return
        if time.monotonic() > deadline:
            break
        time.sleep(_LOOK_AGAIN_S)
    yield None


def _path(dag_id: str) -> Path:
    return FOLDER / f"{dag_id}.json"
