"""The collector: a process of this host that belongs to no task, found by what it writes into its spool."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil
from airflow.sdk import BaseHook

from hashtide_airflow.hooks.process import locked

LOG_BYTES = 10_000_000  # a longer log is put aside at the next start
SAME_START_S = 2.0  # two readings of one process's start differ by clock ticks at most


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

    def process(self) -> psutil.Process | None:
        """The collector's process, if it lives: the same pid that started at the same time."""
        state = self.state()
        return find_process(state.pid, state.started_at) if state else None

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

    def stop(self, timeout_s: float) -> bool:
        """End it: SIGTERM, so that it acknowledges what it has, and SIGKILL if that takes too long.

        Where another one is already at it, this only waits: a second SIGTERM would end it at once.

        Returns:
            False where there was nothing to stop.
        """
        process = self.process()
        if process is None:
            return False
        deadline = time.monotonic() + timeout_s
        while is_alive(process) and time.monotonic() < deadline:
            with locked(self.spool / "stop.lock") as lock, contextlib.suppress(psutil.NoSuchProcess):
                if lock is not None:
                    self._end(process, deadline)
            time.sleep(0.05)
        return True

    def _end(self, process: psutil.Process, deadline: float) -> None:
        process.terminate()
        while is_alive(process) and time.monotonic() < deadline:
            time.sleep(0.1)
        if is_alive(process):
            self.log.warning("the collector (pid %s) does not end: SIGKILL", process.pid)
            process.kill()

    def last_words(self, lines: int = 15) -> str:
        """The end of its log."""
        try:
            with self.log_path.open("rb") as log:
                log.seek(max(0, os.fstat(log.fileno()).st_size - 16_384))
                return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""


def find_process(pid: int, started_at: float) -> psutil.Process | None:
    """The living process with that pid and start (epoch seconds); None if the pid is free or someone else's by now."""
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started_at) <= SAME_START_S
    except psutil.NoSuchProcess:
        return None
    return process if same and is_alive(process) else None


def is_alive(process: psutil.Process) -> bool:
    """Whether it runs; a zombie, which nobody may ever reap, does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _epoch_s(value: float | str) -> float:
    """A moment as epoch seconds, from the same or from ISO 8601."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return datetime.fromisoformat(value).timestamp()
    return float(value)
