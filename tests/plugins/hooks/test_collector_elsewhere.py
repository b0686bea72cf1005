"""The real collector in one container, who watches and stops it in another: other PID namespaces, one spool.

The namespaces are the kernel's, made by unshare(1); only root may.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from hashtide_airflow.hooks.collector import CollectorHook

ROOT = Path(__file__).resolve().parents[3]
CONTAINER = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
SOURCE = "simulator:rate=20"


def possible() -> bool:
    return bool(shutil.which("unshare")) and subprocess.run([*CONTAINER, "true"], check=False).returncode == 0


pytestmark = pytest.mark.skipif(not possible(), reason="no PID namespaces for us here")

WATCHER = """
import json, subprocess, sys
from pathlib import Path
from contract.source_address import read_stored
from hashtide_airflow.hooks.collector import CollectorHook
from hashtide_airflow.triggers.collector import snapshot
decoys = []
def answer(what, spool, *given):
    hook = CollectorHook(Path(spool))
    if what == "holder":
        holder = hook.holder()
        return holder and [holder.pid, holder.pid_here]
    if what == "snapshot":
        return snapshot(Path(spool), lambda: read_stored(given[0]))
    if what == "stop":
        try:
            return hook.stop(*given)
        except TimeoutError as error:
            return str(error)
    if what == "decoy":
        decoys.append(subprocess.Popen(["sleep", "120"]))
        return decoys[-1].pid
    return [each.pid for each in decoys if each.poll() is None]
for line in sys.stdin:
    print(json.dumps(answer(*json.loads(line))), flush=True)
"""


class Watcher:
    """The triggerer, or the API server: it sees the spool and not the collector's processes."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def __call__(self, what: str, spool: Path, *given: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([what, str(spool), *given]), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Watcher]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "plugins")}
    with subprocess.Popen(
        [*CONTAINER, sys.executable, "-c", WATCHER],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
    ) as process:  # fmt: skip
        yield Watcher(process)
        assert process.stdin is not None
        process.stdin.close()
        process.wait(20)


@pytest.fixture
def container(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """The scheduler's: a process 1, and the collector that it started, in a session of its own; Kafka is away."""
    collect = [
        sys.executable, str(ROOT / "jobs" / "collect.py"), "--source", SOURCE, "--spool", str(tmp_path),
        "--bootstrap-servers", "127.0.0.1:9",
    ]  # fmt: skip
    scheduler = "import subprocess, sys, time\nsubprocess.Popen(sys.argv[1:], start_new_session=True)\ntime.sleep(300)"
    with subprocess.Popen(
        [*CONTAINER, sys.executable, "-c", scheduler, *collect], stderr=subprocess.DEVNULL
    ) as process:
        until(lambda: lines_read(tmp_path) > 0)
        yield process
        process.kill()


def until(true: Callable[[], object], within_s: float = 30) -> None:
    deadline_s = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def state_in(spool: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((spool / "state.json").read_bytes())
    return found


def lines_read(spool: Path) -> int:
    return int(state_in(spool)["lines_read"]) if (spool / "state.json").exists() else 0


def collector_of(spool: Path) -> psutil.Process:
    """Its process as the test sees it, from outside of all containers."""
    holder = CollectorHook(spool).holder()
    assert holder is not None
    return psutil.Process(holder.pid_here)


def decoy_of(elsewhere: Watcher, spool: Path) -> int:
    """Makes a process there that has the pid that the collector has in its own container."""
    while (pid := elsewhere("decoy", spool)) < state_in(spool)["pid"]:
        pass
    return int(pid)


@pytest.mark.usefixtures("container")
def test_it_is_seen_and_its_end_by_kill_9_too_whatever_its_last_word_is(tmp_path: Path, elsewhere: Watcher) -> None:
    assert elsewhere("holder", tmp_path) == [state_in(tmp_path)["pid"], None]
    assert elsewhere("snapshot", tmp_path, SOURCE) == ["fine", ""]
    assert elsewhere("snapshot", tmp_path, "file:a") == ["source_changed", f"of {SOURCE}"]
    collector_of(tmp_path).kill()
    until(lambda: elsewhere("holder", tmp_path) is None, 5)
    assert state_in(tmp_path)["status"] == "running"
    assert elsewhere("snapshot", tmp_path, SOURCE) == ["ended", "the process ended without writing a last state"]


@pytest.mark.usefixtures("container")
def test_it_is_stopped_by_a_file_and_ends_as_by_sigterm(tmp_path: Path, elsewhere: Watcher) -> None:
    process, began_s = collector_of(tmp_path), time.monotonic()
    assert elsewhere("stop", tmp_path, 30) is True
    assert time.monotonic() - began_s < 15
    assert not (tmp_path / "stop").exists()
    last = state_in(tmp_path)
    assert (last["status"], last["error"]) == ("stopped", None)
    assert last["lag_records"] == last["lines_read"] > 0
    until(lambda: process.status() == psutil.STATUS_ZOMBIE)  # its process 1 does not reap
    assert elsewhere("snapshot", tmp_path, SOURCE) == ["ended", "stopped"]


def test_the_container_is_killed_and_the_collector_with_it_and_the_next_one_starts(
    tmp_path: Path, elsewhere: Watcher, container: "subprocess.Popen[bytes]"
) -> None:
    before = lines_read(tmp_path)
    (process_1,) = psutil.Process(container.pid).children()
    process_1.kill()
    until(lambda: elsewhere("holder", tmp_path) is None, 5)
    assert elsewhere("snapshot", tmp_path, SOURCE)[0] == "ended"
    hook = CollectorHook(tmp_path)
    again = hook.start(
        [sys.executable, str(ROOT / "jobs" / "collect.py"), "--source", SOURCE, "--spool", str(tmp_path),
         "--bootstrap-servers", "127.0.0.1:9"], os.environ,
    )  # fmt: skip
    try:
        until(lambda: state_in(tmp_path)["pid"] == again.pid and lines_read(tmp_path) > before)
        assert elsewhere("holder", tmp_path) == [again.pid, None]
        assert hook.stop(20)
        assert again.wait(5) == 0
    finally:
        again.kill()


@pytest.mark.usefixtures("container")
def test_somebody_there_with_its_pid_is_neither_it_nor_stopped_for_it(tmp_path: Path, elsewhere: Watcher) -> None:
    decoy = decoy_of(elsewhere, tmp_path)
    assert decoy == state_in(tmp_path)["pid"]
    assert elsewhere("stop", tmp_path, 20) is True
    assert decoy in elsewhere("decoys", tmp_path)
    # Now that it is gone, its last word is of a pid that lives there.
    state = {**state_in(tmp_path), "status": "running"}
    (tmp_path / "state.json").write_text(json.dumps(state))
    assert elsewhere("snapshot", tmp_path, SOURCE)[0] == "ended"
    assert elsewhere("stop", tmp_path, 1) is False
    assert decoy in elsewhere("decoys", tmp_path)


@pytest.mark.usefixtures("container")
def test_one_too_stuck_to_react_is_killed_only_by_who_can_signal_it(tmp_path: Path, elsewhere: Watcher) -> None:
    process = collector_of(tmp_path)
    process.send_signal(signal.SIGSTOP)
    assert elsewhere("stop", tmp_path, 2) == f"the collector (pid {state_in(tmp_path)['pid']}) does not end"
    assert not (tmp_path / "stop").exists()
    assert process.is_running()
    assert CollectorHook(tmp_path).stop(0.5) is True  # as the lease: for us it is a process like any other
    assert CollectorHook(tmp_path).holder() is None
    assert elsewhere("holder", tmp_path) is None
