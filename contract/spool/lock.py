"""SPOOL/lock: who holds the spool, hence lives. SPOOL/stop: asks that very process to end.

Two locks in one. `flock` keeps every other collector out. The record lock after it shows others that the holder lives:
they can ask for it without taking it (F_GETLK), and no child inherits it. Whoever finds it held can believe the file's
line, which was written before.
"""

from __future__ import annotations

import fcntl
import functools
import json
import os
import struct
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from contract.files import FileLock, write_atomically

_FLOCK = "hhqqi4x"  # struct flock of fcntl(2): type, whence, start, length, pid


@functools.cache
def started_at(pid: int) -> float:
    """When the process started, epoch seconds. Read once: a clock that is set would change what the system says."""
    return psutil.Process(pid).create_time()


@dataclass(frozen=True)
class Holder:
    """A process by a name that is its own for good: a pid alone means something else in another PID namespace.

    Attributes:
        pid: in its own PID namespace.
        started_at: when the process started, epoch seconds.
        pid_here: its pid for us, as the kernel says; None where it is in a namespace that we don't see into.
    """

    pid: int
    started_at: float
    pid_here: int | None = field(default=None, compare=False)

    @classmethod
    def own(cls) -> Holder:
        """This process."""
        return cls(os.getpid(), started_at(os.getpid()), os.getpid())

    @classmethod
    def parse(cls, line: bytes, pid_here: int | None = None) -> Holder:
        """The process that a line of `lock` or `stop` names.

        Raises:
            ValueError, KeyError, TypeError: it names no process.
        """
        found = json.loads(line)
        return cls(int(found["pid"]), float(found["started_at"]), pid_here)

    def __str__(self) -> str:
        return json.dumps({"pid": self.pid, "started_at": self.started_at})


def take(directory: Path) -> FileLock:
    """Takes the spool for this process, until the lock is closed or the process is gone.

    Meanwhile this process must not open and close the file in another way: that would free the record lock.

    Raises:
        LockHeld: another process has it.
    """
    lock = FileLock(directory / "lock", name=str(Holder.own()))
    os.fchmod(lock.descriptor, 0o644)  # others may ask
    fcntl.lockf(lock.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return lock


def record_holder(descriptor: int) -> int | None:
    """Who holds the file's record lock: 0 if in a PID namespace that we don't see into; None: nobody.

    Asking takes nothing, so it is in no starting collector's way, and no earlier or other process can answer.
    """
    asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
    return None if kind == fcntl.F_UNLCK else int(pid)


def holder_pid(directory: Path) -> int | None:
    """The pid of whoever holds the spool: see `record_holder`."""
    try:
        with (directory / "lock").open("rb") as file:
            return record_holder(file.fileno())
    except FileNotFoundError:
        return None


def holder(directory: Path) -> Holder | None:
    """The process that holds the spool; None if no process does (yet).

    Raises:
        ValueError: the lock is held by somebody who is no collector.
    """
    path = directory / "lock"
    try:
        with path.open("rb") as file:
            line, pid = file.read(), record_holder(file.fileno())
            file.seek(0)
            if pid is None:
                return None
            if line != file.read():  # one ended and the next began in between
                return holder(directory)
    except FileNotFoundError:
        return None
    try:
        return Holder.parse(line, pid or None)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is held, and names no collector: {error!r}") from error


def request_stop(directory: Path, of: Holder) -> None:
    """Asks that process, and no other, to end as at SIGTERM: for whoever can't signal it. `withdraw_stop` it after."""
    write_atomically(directory / "stop", str(of))


def withdraw_stop(directory: Path) -> None:
    """Removes the request, obeyed or not."""
    (directory / "stop").unlink(missing_ok=True)


def stop_is_requested(directory: Path) -> bool:
    """Whether this very process is asked to end."""
    try:
        return Holder.parse((directory / "stop").read_bytes()) == Holder.own()
    except (OSError, ValueError, KeyError, TypeError):
        return False
