"""Supervisord's event listener: counts how often each service was restarted, and revives those it gave up.

Supervisord gives a service up (FATAL) after some tries in a row, each a second later than the last. Reviving it after a
while caps the wait and makes the tries endless.
"""

import json
import os
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault

from contract.files import write_atomically

REVIVE_AFTER_S = 15.0
EVENTS = "PROCESS_STATE_EXITED,PROCESS_STATE_BACKOFF,PROCESS_STATE_FATAL"


@dataclass(frozen=True)
class Restarts:
    """How often one service ended although it should run.

    Attributes:
        count: over the state directory's life, thus across restarts of supervisord.
        last_at: of the last one, seconds since the epoch.
    """

    count: int = 0
    last_at: float = 0.0


def read(path: Path) -> dict[str, Restarts]:
    """The tally by the service's name; empty before the first restart."""
    try:
        return {name: Restarts(**entry) for name, entry in json.loads(path.read_text()).items()}
    except (FileNotFoundError, ValueError, TypeError):
        return {}


def counted(tally: dict[str, Restarts], event: str, service: str, now: float) -> dict[str, Restarts]:
    """The tally after an event: an exit and a failed start count, giving up does not."""
    if event not in ("PROCESS_STATE_EXITED", "PROCESS_STATE_BACKOFF"):
        return tally
    return tally | {service: Restarts(tally.get(service, Restarts()).count + 1, now)}


def write(path: Path, tally: dict[str, Restarts]) -> None:
    """Writes the tally, atomically."""
    write_atomically(path, json.dumps({name: asdict(entry) for name, entry in tally.items()}))


def revive(rpc: Any, service: str) -> None:
    """Starts a service if supervisord still lists it as FATAL."""
    try:
        if rpc.supervisor.getProcessInfo(f"services:{service}")["statename"] == "FATAL":
            rpc.supervisor.startProcess(f"services:{service}", False)
    except (Fault, OSError):
        return  # supervisord is stopping, or was quicker; a new FATAL comes as a new event


def main() -> None:
    """Listens until supervisord closes the pipe."""
    from supervisor import childutils

    path = Path(sys.argv[1])
    while True:
        headers, payload = childutils.listener.wait(sys.stdin, sys.stdout)
        service = childutils.get_headers(payload)["processname"]
        write(path, counted(read(path), headers["eventname"], service, time.time()))
        if headers["eventname"] == "PROCESS_STATE_FATAL":
            timer = threading.Timer(REVIVE_AFTER_S, revive, (childutils.getRPCInterface(os.environ), service))
            timer.daemon = True
            timer.start()
        childutils.listener.ok(sys.stdout)


if __name__ == "__main__":
    main()
