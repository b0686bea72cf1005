"""The collector: found by its lock, whatever its state says, started apart from us, stopped for certain."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from contract.spool.lock import Holder
from hashtide_airflow.hooks.collector import CollectorHook
from tests.plugins.collectors import HOLD, OBEDIENT, READY, SILENT, STUBBORN, WAIT, command, living


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for each in started:
        each.kill()
        each.wait()


@pytest.fixture
def hook(tmp_path: Path) -> CollectorHook:
    return CollectorHook(tmp_path)


def started(hook: CollectorHook, code: str, processes: list[subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    """A stand-in for the collector, started by the hook itself, that has written its first word."""
    process = hook.start(command(code, hook.spool), os.environ)
    processes.append(process)
    deadline = time.monotonic() + 20
    while "ready" not in hook.last_words() and time.monotonic() < deadline:
        time.sleep(0.05)
    return process


def write_state(hook: CollectorHook, pid: int, started_at: float | str, **more: object) -> None:
    state = {"pid": pid, "pid_started_at": started_at, "source": "simulator", "status": "running", **more}
    (hook.spool / "state.json").write_text(json.dumps(state))


def test_before_the_first_write_there_is_no_state(hook: CollectorHook) -> None:
    assert hook.state() is None
    assert hook.holder() is None
    assert hook.stop(1) is False


def test_it_lives_in_a_session_of_its_own(hook: CollectorHook, processes: list[subprocess.Popen[bytes]]) -> None:
    process = started(hook, OBEDIENT, processes)
    assert os.getsid(process.pid) == process.pid != os.getsid(0)
    found, state = hook.holder(), hook.state()
    assert found is not None
    assert found.pid == found.pid_here == process.pid
    assert abs(found.started_at - time.time()) < 30
    assert state is not None
    assert state.is_of(found)


def test_it_is_asked_to_end_first(hook: CollectorHook, processes: list[subprocess.Popen[bytes]]) -> None:
    process = started(hook, OBEDIENT, processes)
    assert hook.stop(10)
    assert process.wait(5) == -15
    assert hook.holder() is None


def test_it_is_killed_if_it_does_not(hook: CollectorHook, processes: list[subprocess.Popen[bytes]]) -> None:
    process = started(hook, STUBBORN, processes)
    assert hook.stop(0.3)
    assert process.wait(5) == -9


def test_of_two_who_stop_it_one_signals(hook: CollectorHook, processes: list[subprocess.Popen[bytes]]) -> None:
    """The collector takes a second SIGTERM for `at once`."""
    counting = "seen = []\nsignal.signal(15, lambda *_: (seen.append(1), time.sleep(1), sys.exit(len(seen))))\n"
    process = started(hook, HOLD + counting + READY + WAIT, processes)
    both = [threading.Thread(target=hook.stop, args=(10,)) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert process.wait(5) == 1


def test_a_zombie_does_not_live(hook: CollectorHook, processes: list[subprocess.Popen[bytes]]) -> None:
    process = started(hook, OBEDIENT, processes)
    os.kill(process.pid, 9)
    deadline = time.monotonic() + 5
    while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
        time.sleep(0.02)  # nobody has waited for it yet
    assert hook.holder() is None


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    """Somebody else's process."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def test_a_living_process_that_the_state_names_and_that_holds_nothing_is_not_it(
    hook: CollectorHook, other: subprocess.Popen[bytes]
) -> None:
    """As after a restart: even its start is the same."""
    write_state(hook, other.pid, psutil.Process(other.pid).create_time())
    (hook.spool / "lock").write_text(json.dumps({"pid": other.pid, "started_at": 1.0}))
    assert hook.holder() is None
    assert hook.stop(1) is False  # above all it is not stopped
    assert other.poll() is None


def test_one_that_ended_as_it_was_to_be_signalled_costs_nobody_who_has_its_pid_now(
    hook: CollectorHook, other: subprocess.Popen[bytes]
) -> None:
    hook._end(Holder(other.pid, 1.0, other.pid), time.monotonic() + 1)
    assert other.poll() is None


def test_one_that_ends_while_being_read_does_not_lend_its_name_to_the_next(
    hook: CollectorHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, next_line = hook.spool / "lock", '{"pid": 8, "started_at": 2.0}'
    lock.write_text('{"pid": 8, "started_at": 1.0}')

    def holder_of(_: int) -> int:
        lock.write_text(next_line)
        return 8

    monkeypatch.setattr("contract.spool.lock.record_holder", holder_of)
    assert hook.holder() == Holder(8, 2.0)


def test_one_that_has_said_nothing_yet_is_not_who_the_state_names(hook: CollectorHook) -> None:
    write_state(hook, 1, 2.0, status="finished")
    with living(hook.spool, SILENT) as process:
        found, state = hook.holder(), hook.state()
        assert found is not None
        assert found.pid == process.pid
        assert state is not None
        assert not state.is_of(found)


def test_the_next_one_is_not_stopped_for_the_last(hook: CollectorHook) -> None:
    with living(hook.spool) as process:
        last = Holder(process.pid, 1.0, process.pid)
        assert hook.stop(1, last) is False
        assert process.poll() is None
        assert hook.stop(5, hook.holder()) is True
        assert process.wait(5) == -15


def test_a_child_that_inherited_everything_does_not_live_for_it(hook: CollectorHook) -> None:
    forking = "import os\nif os.fork() == 0:\n    time.sleep(5)\n    os._exit(0)\n"
    with living(hook.spool, HOLD + forking + READY + WAIT) as process:
        assert hook.holder() is not None
        process.kill()
        process.wait()
        assert hook.holder() is None


def test_looking_takes_nothing_from_a_collector_that_starts(hook: CollectorHook) -> None:
    """Whoever looks all the time: no start fails for it."""
    (hook.spool / "lock").touch()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            hook.holder()

    watchers = [threading.Thread(target=look) for _ in range(3)]
    for each in watchers:
        each.start()
    try:
        for _ in range(10):
            with living(hook.spool, HOLD + READY):
                pass
    finally:
        done.set()
        for each in watchers:
            each.join()


def test_a_lock_that_somebody_else_holds_is_an_error_that_names_it(hook: CollectorHook) -> None:
    holding = "import fcntl, sys\nlock = open(sys.argv[1] + '/lock', 'w')\nfcntl.lockf(lock, fcntl.LOCK_EX)\n"
    with living(hook.spool, holding + "import time\n" + READY + WAIT), pytest.raises(ValueError, match="lock is held"):
        hook.holder()


def test_a_start_written_as_text_is_understood(hook: CollectorHook) -> None:
    write_state(hook, 1, "2026-01-01T00:00:00+00:00")
    state = hook.state()
    assert state is not None
    assert state.pid_started_at == 1767225600.0


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
