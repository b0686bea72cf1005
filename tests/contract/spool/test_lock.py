"""The lock: one holder, and others can ask who it is without touching it."""

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from contract.files import LockHeld
from contract.spool import lock
from contract.spool.lock import Holder

ROOT = Path(__file__).resolve().parents[3]

ASK = """
import fcntl, struct, sys
asked = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)
with open(sys.argv[1]) as file:
    kind, *_, pid = struct.unpack("hhqqi4x", fcntl.fcntl(file, fcntl.F_GETLK, asked))
print(pid if kind == fcntl.F_WRLCK else 0)
"""


def holder_of(path: Path) -> int:
    """What the kernel tells another process; 0: nobody."""
    asked = subprocess.run([sys.executable, "-c", ASK, str(path)], capture_output=True, text=True, check=True)
    return int(asked.stdout)


def test_others_see_who_holds_it_until_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text("what an earlier one left, which is longer than a line of today's holder will ever be, surely\n")
    assert holder_of(path) == 0
    with lock.take(tmp_path):
        assert holder_of(path) == os.getpid()
        assert json.loads(path.read_bytes()) == {"pid": os.getpid(), "started_at": psutil.Process().create_time()}
    assert holder_of(path) == 0


def test_a_second_one_is_refused_with_the_holders_pid_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock.take(tmp_path):
        code = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        code += "from pathlib import Path\nfrom contract.spool import lock\nlock.take(Path(sys.argv[1]))"
        second = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
        )
        assert f"LockHeld: {path} is held by process {os.getpid()}" in second.stderr
        assert holder_of(path) == os.getpid()
    assert json.loads(path.read_bytes())["pid"] == os.getpid()  # read only now: our own closing it frees it


def test_a_lock_whose_line_can_not_be_read_is_held_by_somebody(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(LockHeld, match="held by process unknown"):
            lock.take(tmp_path)


def test_without_a_lock_file_nobody_holds_the_spool(tmp_path: Path) -> None:
    assert lock.holder_pid(tmp_path) is None
    assert lock.holder(tmp_path) is None


def test_a_request_to_stop_is_for_the_process_that_it_names(tmp_path: Path) -> None:
    own = Holder.own()
    lock.request_stop(tmp_path, Holder(own.pid, own.started_at + 1))
    assert not lock.stop_is_requested(tmp_path)
    lock.request_stop(tmp_path, own)
    assert lock.stop_is_requested(tmp_path)
    lock.withdraw_stop(tmp_path)
    assert not lock.stop_is_requested(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', "\0"])
def test_a_request_that_can_not_be_read_stops_nobody(tmp_path: Path, content: str) -> None:
    (tmp_path / "stop").write_text(content)
    assert not lock.stop_is_requested(tmp_path)
