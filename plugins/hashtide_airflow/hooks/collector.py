"""The collector: a process that belongs to no task, found by the lock that it holds on its spool.

The lock, not a pid, says that it lives: whoever looks may be in another container, where pids mean something else, and
a pid that yesterday's collector wrote may be another process's today.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import psutil
from airflow.sdk import BaseHook

from contract.files import FileLock, LockHeld, make_directory
from contract.spool import lock
from contract.spool.lock import Holder
from contract.spool.state import CollectorState, read_state

LOG_BYTES = 10_000_000  # a longer log is put aside at the next start
ASK_LIMIT_S = 30.0  # who can't signal it gives up after so long, and leaves it to the supervision run, which can
KILL_LIMIT_S = 5.0


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
        return read_state(self.spool)

    def holder(self) -> Holder | None:
        """The running collector; None if it is not running or does not hold its spool yet.

        Raises:
            ValueError: the lock is held by somebody who is no collector.
        """
        return lock.holder(self.spool)

    def start(self, command: list[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Start it in a session of its own, so that no task's and no service's end takes it along."""
        make_directory(self.spool)
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
        """End it, after it has published what it has: by SIGTERM, and by SIGKILL if that takes too long.

        One that we can't signal is asked by `SPOOL/stop`, and never killed.
        While another process is stopping it, this only waits: a second SIGTERM would end it at once.

        Args:
            timeout_s: how long it may take.
            only: stop this collector and no other; None: any.

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
            with contextlib.suppress(LockHeld), FileLock(self.spool / "stop.lock"):
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
                self.log.warning("the collector (pid %s) does not end; sending SIGKILL", process.pid)
                process.kill()
                _ends(process, time.monotonic() + KILL_LIMIT_S)

    def _ask(self, meant: Holder, deadline: float) -> None:
        lock.request_stop(self.spool, meant)
        try:
            while self.holder() == meant and time.monotonic() < deadline:
                time.sleep(0.1)
        finally:
            lock.withdraw_stop(self.spool)

    def last_words(self, lines: int = 15) -> str:
        """The end of its log."""
        try:
            with self.log_path.open("rb") as log:
                log.seek(max(0, os.fstat(log.fileno()).st_size - 16_384))
                return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""


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
