"""The collector: a process that belongs to no task, found by the lock that it holds on its spool.

The lock, not a pid, says that it lives: whoever looks may be in another container, where pids mean something else, and
what a collector of yesterday wrote may name a process of today.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import struct
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psutil
from airflow.sdk import BaseHook

from hashtide_airflow.hooks.process import locked

LOG_BYTES = 10_000_000  # a longer log is put aside at the next start
ASK_LIMIT_S = 30.0  # who can't signal it gives up after so long, and leaves it to the lease, which can
KILL_LIMIT_S = 5.0
_FLOCK = "hhqqi4x"  # struct flock of fcntl(2): type, whence, start, length, pid


@dataclass(frozen=True)
class Holder:
    """The collector that holds the spool, hence lives, as it named itself in `SPOOL/lock`.

    Attributes:
        pid: in its own PID namespace; with `started_at` its name for good.
        started_at: when the process started, epoch seconds.
        pid_here: its pid for us, as the kernel says; None where it is in a namespace that we don't see into.
    """

    pid: int
    started_at: float
    pid_here: int | None = field(default=None, compare=False)


@dataclass(frozen=True)
class CollectorState:
    """`SPOOL/state.json`, as far as a lease needs it.

    Attributes:
        started_at: when the process started, epoch seconds.
        status: `running`, `finished` (the source ended, all is acknowledged), `stopped`, `failed`.
        error: why it failed; empty otherwise.
    """

    pid: int
    started_at: float
    source: str
    status: str
    error: str
    lag_records: int

    def is_of(self, holder: Holder) -> bool:
        """Whether the one that lives wrote it; else it is an earlier one's, whatever it says."""
        return (self.pid, self.started_at) == (holder.pid, holder.started_at)


class CollectorHook(BaseHook):
    """Starts, finds and stops the collector of one spool.

    Args:
        spool: the spool's directory.
    """

    def __init__(self, spool: Path) -> None:
        super().__init__()
        self.spool = spool

    @property
    def log_path(self) -> Path:
        """What the collector prints."""
        return self.spool / "collector.log"

    def state(self) -> CollectorState | None:
        """What the collector last wrote; None before its first word.

        Raises:
            ValueError: the file is there and isn't the collector's.
        """
        path = self.spool / "state.json"
        try:
            found = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        try:
            return CollectorState(
                pid=int(found["pid"]),
                started_at=_epoch_s(found["pid_started_at"]),
                source=str(found["source"]),
                status=str(found["status"]),
                error=str(found.get("error") or ""),
                lag_records=int(found.get("lag_records") or 0),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"{path}: {error!r}") from error

    def holder(self) -> Holder | None:
        """The collector that lives; None where there is none, or it does not hold its spool yet.

        Raises:
            ValueError: the lock is held by somebody who is no collector.
        """
        path = self.spool / "lock"
        try:
            with path.open("rb") as file:
                line, pid = file.read(), holder_of(file.fileno())
                file.seek(0)
                if pid is None:
                    return None
                if line != file.read():  # one ended and the next began in between
                    return self.holder()
        except FileNotFoundError:
            return None
        try:
            found = json.loads(line)
            return Holder(int(found["pid"]), float(found["started_at"]), pid or None)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is held, and names no collector: {error!r}") from error

    def start(self, command: list[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Start it in a session of its own, so that no task's and no service's end takes it along."""
        self.spool.mkdir(parents=True, exist_ok=True)
        if self.log_path.exists() and self.log_path.stat().st_size > LOG_BYTES:
            self.log_path.replace(self.log_path.with_suffix(".log.1"))
        with self.log_path.open("ab") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(environment),
                cwd=self.spool,
                start_new_session=True,
            )

    def stop(self, timeout_s: float, only: Holder | None = None) -> bool:
        """End it, so that it acknowledges what it has: by SIGTERM, and SIGKILL if that takes too long; or by asking.

        Asked by `SPOOL/stop` is one whom we can't signal; there is no more than that then.
        Where another one is already at it, this only waits: a second SIGTERM would end it at once.

        Args:
            timeout_s: how long it may take.
            only: the one that is meant; None: whoever it is.

        Returns:
            False where there was nothing to stop.

        Raises:
            TimeoutError: it still lives.
        """
        meant = self.holder()
        if meant is None or only not in (None, meant):
            return False
        deadline = time.monotonic() + (timeout_s if meant.pid_here else min(timeout_s, ASK_LIMIT_S))
        while self.holder() == meant and time.monotonic() < deadline:
            with locked(self.spool / "stop.lock") as lock:
                if lock is not None:
                    self._end(meant, deadline) if meant.pid_here else self._ask(meant, deadline)
            time.sleep(0.05)
        if self.holder() == meant:
            raise TimeoutError(f"the collector (pid {meant.pid}) does not end")
        return True

    def _end(self, meant: Holder, deadline: float) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(meant.pid_here)
            if self.holder() != meant:  # now that we hold its process, its pid can't become another's unseen
                return
            process.terminate()
            if not _ends(process, deadline):
                self.log.warning("the collector (pid %s) does not end: SIGKILL", process.pid)
                process.kill()
                _ends(process, time.monotonic() + KILL_LIMIT_S)

    def _ask(self, meant: Holder, deadline: float) -> None:
        path, aside = self.spool / "stop", self.spool / "stop.new"
        aside.write_text(json.dumps({"pid": meant.pid, "started_at": meant.started_at}))
        aside.replace(path)
        try:
            while self.holder() == meant and time.monotonic() < deadline:
                time.sleep(0.1)
        finally:
            path.unlink(missing_ok=True)

    def last_words(self, lines: int = 15) -> str:
        """The end of its log."""
        try:
            with self.log_path.open("rb") as log:
                log.seek(max(0, os.fstat(log.fileno()).st_size - 16_384))
                return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""


def holder_of(descriptor: int) -> int | None:
    """Who holds the file's record lock (fcntl's): 0 if in a PID namespace that we don't see into; None: nobody.

    Asking takes nothing, so it is in no starting collector's way, and no earlier or other process can answer.
    """
    asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
    return None if kind == fcntl.F_UNLCK else int(pid)


def _ends(process: psutil.Process, deadline: float) -> bool:
    """Whether it is gone by then; a zombie, which nobody may ever reap, is."""
    while time.monotonic() < deadline:
        try:
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.1)
    return False


def _epoch_s(value: float | str) -> float:
    """A moment as epoch seconds, from the same or from ISO 8601."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return datetime.fromisoformat(value).timestamp()
    return float(value)
