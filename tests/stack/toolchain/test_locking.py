"""Two starts at once: the second waits, also for what a killed first one has left running."""

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stack.toolchain import LineReport, ToolchainError
from stack.toolchain.locking import held

HOLD = """
import os, subprocess, sys, time
from pathlib import Path
from stack.toolchain import LineReport
from stack.toolchain.locking import held
with held(Path(sys.argv[1]), LineReport()) as lock:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(2)"], pass_fds=(lock,))
    print(child.pid, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def quiet() -> LineReport:
    return LineReport(io.StringIO())


def start_holder(lock_file: Path) -> "subprocess.Popen[str]":
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(lock_file)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert int(holder.stdout.readline()) > 0
    return holder


def test_waiting_too_long_names_the_holder_of_the_lock(tmp_path: Path, quiet: LineReport) -> None:
    holder = start_holder(tmp_path / "lock")
    with (
        pytest.raises(ToolchainError, match=f"process {holder.pid} has held"),
        held(tmp_path / "lock", quiet, wait_limit_s=0.3),
    ):
        pytest.fail("two held it")
    holder.kill()
    holder.communicate(timeout=10)


def test_after_a_killed_start_the_lock_waits_for_the_program_that_it_left(tmp_path: Path, quiet: LineReport) -> None:
    holder = start_holder(tmp_path / "lock")
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait(10)
    with pytest.raises(ToolchainError), held(tmp_path / "lock", quiet, wait_limit_s=0.3):
        pytest.fail("its program still works in the folder")
    began = time.monotonic()
    with held(tmp_path / "lock", quiet, wait_limit_s=30):
        assert time.monotonic() - began < 20
