"""`down` ends the collector that holds the spool, and nobody whom an old state names."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from stack.commands import down
from stack.commands.down import stop_collector
from stack.config.state_directory import StateDirectory
from stack.daemons.processes import collector_process

JOBS = Path(__file__).resolve().parents[3] / "jobs"
HOLD = f"""
import signal, sys, time
from pathlib import Path
sys.path.insert(0, {str(JOBS)!r})
from contract.spool.lock import take
lock = take(Path(sys.argv[1]))
if len(sys.argv) > 2:
    signal.signal(15, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def home(tmp_path: Path) -> StateDirectory:
    home = StateDirectory(tmp_path)
    home.spool.mkdir(parents=True)
    return home


@contextmanager
def collector(home: StateDirectory, *more: str) -> Iterator["subprocess.Popen[bytes]"]:
    """One that holds the spool and has said nothing yet."""
    command = [sys.executable, "-c", HOLD, str(home.spool), *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        try:
            yield process
        finally:
            process.kill()


def test_it_is_stopped_also_before_its_first_word(home: StateDirectory) -> None:
    with collector(home) as process:
        assert stop_collector(home) == "stopped"
        assert not psutil.pid_exists(process.pid)
    assert stop_collector(home) == "not running"


def test_it_is_killed_if_it_does_not_end(home: StateDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(down, "COLLECTOR_LIMIT_S", 0.5)
    with collector(home, "stubborn") as process:
        assert stop_collector(home).startswith("killed")
        assert not psutil.pid_exists(process.pid)


def test_a_process_that_only_the_state_names_is_left_alone(home: StateDirectory) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", str(home.spool)]) as other:
        try:
            found = {"pid": other.pid, "pid_started_at": psutil.Process(other.pid).create_time()}
            (home.spool / "state.json").write_text(json.dumps({**found, "status": "running"}))
            (home.spool / "lock").write_text(json.dumps({"pid": other.pid, "started_at": found["pid_started_at"]}))
            assert collector_process(home) is None
            assert stop_collector(home) == "not running"
            assert other.poll() is None
        finally:
            other.kill()
