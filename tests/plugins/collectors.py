"""Processes that stand in for the collector: they hold its lock and write its state by its own code, and no more."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

HOLD = f"""
import signal, sys, time
from pathlib import Path
sys.path.insert(0, {str(ROOT / "jobs")!r})
from contract.spool.lock import take
from contract.source_address import read_stored
from contract.spool.state import CollectorState
spool = Path(sys.argv[1])
lock = take(spool)
def say(status="running", error=None):
    CollectorState(read_stored(sys.argv[2]), status, error).write(spool)
"""
READY = "print('ready', flush=True)\n"
WAIT = "time.sleep(60)\n"
OBEDIENT = HOLD + "say()\n" + READY + WAIT
STUBBORN = HOLD + "signal.signal(15, signal.SIG_IGN)\nsay()\n" + READY + WAIT
SILENT = HOLD + READY + WAIT


def command(code: str, spool: Path, source: str = "simulator") -> list[str]:
    """Runs such a process; it prints `ready`."""
    return [sys.executable, "-c", code, str(spool), source]


@contextmanager
def living(spool: Path, code: str = OBEDIENT, source: str = "simulator") -> Iterator[subprocess.Popen[bytes]]:
    """One that is ready; it is gone when the block ends."""
    with subprocess.Popen(command(code, spool, source), stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield process
        finally:
            process.kill()
