"""The collector as a process that dies now and then, and what its lease would do: start it again."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tests.flow.inputs import REPOSITORY


class RestartedCollector:
    """`jobs/collect.py` in a process of its own, started again whenever it has ended.

    Attributes:
        kills: how often it was killed.
        ended: status of each end that we had not asked for.
    """

    def __init__(self, addresses: list[str], home: Path, bootstrap_servers: str) -> None:
        self.spool = home / "spool"
        self.kills = 0
        self.ended: list[int] = []
        self._log = (home / "collector.log").open("ab")
        job = [sys.executable, str(REPOSITORY / "jobs" / "collect.py")]
        for address in addresses:
            job += ["--source", address]
        self._command = [*job, "--spool", str(self.spool), "--bootstrap-servers", bootstrap_servers]
        token = home / "x-token"
        token.write_text("canary")
        token.chmod(0o400)
        self._environment = {
            **os.environ,
            "HASHTIDE_X_TOKEN_FILE": str(token),
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }
        self._lock = threading.Lock()
        self._process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(self._command, stdout=self._log, stderr=self._log, env=self._environment)

    @property
    def pid(self) -> int:
        return self._process.pid

    def look(self) -> None:
        """Starts it again if it has ended."""
        with self._lock:
            if self._process.poll() is not None:
                self.ended.append(self._process.returncode)
                time.sleep(0.5)
                self._process = self._start()

    def kill(self, away_s: float) -> None:
        """SIGKILL, and a new one after so long."""
        self._end(signal.SIGKILL, away_s)
        self.kills += 1

    def restart(self, away_s: float) -> None:
        """SIGTERM, which it must heed in time, and a new one after so long."""
        assert self._end(signal.SIGTERM, away_s) == 0, "a clean stop says 0"

    def _end(self, number: signal.Signals, away_s: float) -> int:
        with self._lock:
            self._process.send_signal(number)
            status = self._process.wait(60)
            time.sleep(away_s)
            self._process = self._start()
            return status

    def state(self) -> dict[str, Any]:
        """What it last said of itself; empty before its first word."""
        try:
            found: dict[str, Any] = json.loads((self.spool / "state.json").read_bytes())
        except FileNotFoundError:
            return {}
        return found

    def wait_until_quiet(self, within_s: float = 120) -> None:
        """Until nothing new comes and everything is acknowledged."""
        deadline, before, since = time.monotonic() + within_s, -1, time.monotonic()
        while time.monotonic() < deadline:
            self.look()
            found = self.state()
            if found.get("lines_read") != before or found.get("lag_records"):
                before, since = found.get("lines_read", -1), time.monotonic()
            if time.monotonic() - since > 3:
                return
            time.sleep(0.2)
        raise AssertionError(f"not quiet within {within_s} s: {self.state()}")

    def stop(self) -> int:
        """SIGTERM; its status."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            return self._process.wait(60)
        finally:
            self._process.kill()
            self._log.close()
