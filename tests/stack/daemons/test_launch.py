"""The launch of a service: what the one before left is ended first, and nothing else is."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stack.daemons.launch import Group, boot_id, drop_stale_pidfile, end_all, privileges, working_in

LAUNCH = Path(__file__).resolve().parents[3] / "stack" / "daemons" / "launch.py"
IGNORES_TERM = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
)


def _group_of(process: subprocess.Popen[str]) -> Group:
    return Group(os.getpgid(process.pid), os.getsid(process.pid), boot_id())


def _sleeper(code: str = "print('ready', flush=True); import time; time.sleep(60)") -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, process_group=0)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_a_group_is_ended_whole_also_what_ignores_sigterm() -> None:
    process = _sleeper(IGNORES_TERM)
    group = _group_of(process)
    assert group.members() == [process.pid]
    assert group.end(grace_s=0.3)
    assert process.wait(5) == -signal.SIGKILL
    assert group.members() == []


def test_a_group_of_another_boot_or_session_is_somebody_elses() -> None:
    process = _sleeper()
    group = _group_of(process)
    assert Group(group.pgid, group.sid, "another boot").members() == []
    assert Group(group.pgid, group.sid + 1, group.boot_id).members() == []
    process.kill()
    process.wait(5)


def test_the_child_of_a_killed_service_is_gone_before_the_next_one_begins(tmp_path: Path) -> None:
    child = (
        "import subprocess, sys, time; subprocess.Popen(['sleep', '60']); print('ready', flush=True); time.sleep(60)"
    )
    before = _sleeper(child)
    group = _group_of(before)
    group.write(tmp_path / "x.group")
    before.kill()
    before.wait(5)
    assert len(group.members()) == 1
    command = [sys.executable, "-P", str(LAUNCH), "--run", str(tmp_path), "--name", "x", "--", "true"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert "killed leftovers of the previous x" in done.stdout
    assert group.members() == []


def test_a_service_dies_with_who_started_it(tmp_path: Path) -> None:
    words = [sys.executable, "-P", str(LAUNCH), "--run", str(tmp_path), "--name", "x", "--", "sleep", "60"]
    code = f"import subprocess, time; print(subprocess.Popen({words!r}).pid, flush=True); time.sleep(60)"
    starter = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    pid = int(starter.stdout.readline())
    _wait_until(lambda: _name_of(pid) == "sleep")
    starter.kill()
    starter.wait(5)
    _wait_until(lambda: _name_of(pid) is None)


def _name_of(pid: int) -> str | None:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return None if state == "Z" else Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return None


def _wait_until(true: "object") -> None:
    assert callable(true)
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline, "not within 10 s"
        time.sleep(0.02)


@pytest.mark.parametrize("text", ["{}", "", "{", json.dumps({"pgid": 1})])
def test_a_torn_record_is_as_good_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.group").write_text(text)
    assert Group.read(tmp_path / "x.group") is None


@pytest.mark.parametrize("first_line", ["999999999", str(os.getpid()), "", "not a number"])
def test_a_postgres_pid_file_of_no_process_or_another_program_is_removed(tmp_path: Path, first_line: str) -> None:
    pidfile = tmp_path / "postmaster.pid"
    pidfile.write_text(f"{first_line}\n{tmp_path}\n")
    assert drop_stale_pidfile(pidfile)
    assert not pidfile.exists()


def test_no_pid_file_is_nothing_to_remove(tmp_path: Path) -> None:
    assert not drop_stale_pidfile(tmp_path / "postmaster.pid")


def test_a_process_is_found_by_the_folder_that_it_works_in(tmp_path: Path) -> None:
    below = tmp_path / "container"
    below.mkdir()
    process = subprocess.Popen(["sleep", "60"], cwd=below)
    _wait_until(lambda: _name_of(process.pid) == "sleep")
    assert working_in(tmp_path) == []
    assert working_in(tmp_path, below=True) == working_in(below) == [process.pid]
    assert end_all(lambda: working_in(tmp_path, below=True))
    process.wait(5)


def test_a_folder_of_a_like_name_is_not_below(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "ab").mkdir()
    process = subprocess.Popen(["sleep", "60"], cwd=tmp_path / "ab")
    _wait_until(lambda: _name_of(process.pid) == "sleep")
    assert working_in(tmp_path / "a", below=True) == []
    process.kill()
    process.wait(5)


def test_privileges_are_dropped_before_the_death_signal_is_lost() -> None:
    line = privileges("INT", "hashtide", "dac_read_search")
    assert line[:3] == ["setpriv", "--pdeathsig", "INT"]
    assert line[3:8] == ["--reuid", "hashtide", "--regid", "hashtide", "--clear-groups"]
    assert line[-1] == "--"


def test_a_capability_outlives_the_change_of_user_also_where_access_is_asked() -> None:
    line = privileges("INT", "hashtide", "dac_read_search")
    assert line[line.index("--securebits") + 1] == "+no_setuid_fixup"
    assert line[line.index("--ambient-caps") + 1] == "+dac_read_search"
    assert "--securebits" not in privileges("INT", "hashtide", None)
