"""Who this process is, where a pid says nothing: in another PID namespace, or after a restart."""

import functools
import json
import os
from pathlib import Path

import psutil


@functools.cache
def started_at(pid: int) -> float:
    """When the process started, epoch seconds. Read once: a clock that is set would change what the system says."""
    return psutil.Process(pid).create_time()


def own() -> dict[str, float]:
    """This process's name for good: `{"pid": …, "started_at": …}`."""
    return {"pid": os.getpid(), "started_at": started_at(os.getpid())}


def is_named_in(path: Path) -> bool:
    """Whether the file is there and names this very process."""
    try:
        return bool(json.loads(path.read_bytes()) == own())
    except (OSError, ValueError):
        return False
