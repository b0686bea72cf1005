"""The collector's process: found by pid and start, started apart from us, stopped for certain."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from hashtide_airflow.hooks.collector import CollectorHook, find_process

OBEDIENT = "import time; print('ready', flush=True); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"


def started(hook: CollectorHook, code: str) -> subprocess.Popen[bytes]:
    """A stand-in for the collector that has written its first word."""
    process = hook.start([sys.executable, "-c", code], os.environ)
    deadline = time.monotonic() + 20
    while "ready" not in hook.last_words() and time.monotonic() < deadline:
        time.sleep(0.05)
    write_state(hook, process.pid, psutil.Process(process.pid).create_time())
    return process


def write_state(hook: CollectorHook, pid: int, started_at: float | str, **more: object) -> None:
    state = {"pid": pid, "pid_started_at": started_at, "source": "simulator", "status": "running", **more}
    (hook.spool / "state.json").write_text(json.dumps(state))


@pytest.fixture
def hook(tmp_path: Path) -> CollectorHook:
    return CollectorHook(tmp_path)


def test_before_its_first_word_there_is_none(hook: CollectorHook) -> None:
    assert hook.state() is None
    assert hook.process() is None
    assert hook.stop(1) is False


def test_it_lives_in_a_session_of_its_own(hook: CollectorHook) -> None:
    process = started(hook, OBEDIENT)
    try:
        assert os.getsid(process.pid) == process.pid != os.getsid(0)
        found = hook.process()
        assert found is not None
        assert found.pid == process.pid
    finally:
        process.kill()


def test_it_is_asked_to_end_first(hook: CollectorHook) -> None:
    process = started(hook, OBEDIENT)
    assert hook.stop(10)
    assert process.wait(5) == -15
    assert hook.process() is None


def test_it_is_killed_if_it_does_not(hook: CollectorHook) -> None:
    process = started(hook, STUBBORN)
    assert hook.stop(0.3)
    assert process.wait(5) == -9


def test_of_two_who_stop_it_one_signals(hook: CollectorHook) -> None:
    """The collector takes a second SIGTERM for `at once`."""
    counting = "import signal, sys, time\nseen = []\n"
    counting += "signal.signal(15, lambda *_: (seen.append(1), time.sleep(1), sys.exit(len(seen))))\n"
    process = started(hook, counting + "print('ready', flush=True)\ntime.sleep(60)")
    both = [threading.Thread(target=hook.stop, args=(10,)) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert process.wait(5) == 1


def test_a_zombie_is_not_alive(hook: CollectorHook) -> None:
    process = started(hook, OBEDIENT)
    os.kill(process.pid, 9)
    deadline = time.monotonic() + 5
    while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
        time.sleep(0.02)  # nobody has waited for it yet
    assert hook.process() is None
    process.wait()


def test_somebody_elses_process_with_the_same_pid_is_not_ours(hook: CollectorHook) -> None:
    mine = psutil.Process().create_time()
    assert find_process(os.getpid(), mine) is not None
    assert find_process(os.getpid(), mine - 60) is None
    write_state(hook, os.getpid(), mine - 60)
    assert hook.stop(1) is False  # above all it is not stopped


def test_a_start_written_as_text_is_understood(hook: CollectorHook) -> None:
    write_state(hook, 1, "2026-01-01T00:00:00+00:00")
    state = hook.state()
    assert state is not None
    assert state.started_at == 1767225600.0


def test_a_state_that_is_not_one_is_an_error_that_names_the_file(hook: CollectorHook) -> None:
    (hook.spool / "state.json").write_text('{"pid": 1}')
    with pytest.raises(ValueError, match=r"state\.json"):
        hook.state()


def test_a_long_log_is_put_aside(hook: CollectorHook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hashtide_airflow.hooks.collector.LOG_BYTES", 3)
    hook.log_path.write_text("of yesterday")
    hook.start([sys.executable, "-c", "print('of today')"], os.environ).wait(20)
    assert hook.log_path.read_text() == "of today\n"
    assert hook.log_path.with_suffix(".log.1").read_text() == "of yesterday"
