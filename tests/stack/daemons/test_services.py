"""The services for real: started, killed one after the other, stopped; on loopback only, and nothing is left.

The DAGs run meanwhile, with the simulator: what flows and whether it is right is tests/flow's.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest

from stack.config.settings import REPOSITORY
from stack.config.state_directory import StateDirectory
from stack.daemons.launch import Group, working_in
from stack.daemons.supervision import Supervisor

pytestmark = [pytest.mark.flow, pytest.mark.timeout(1200)]


def left_over(home: StateDirectory) -> dict[int, str]:
    """Processes that still use a state directory: its path is in their command line, or they work in it."""
    found = {}
    for process in psutil.process_iter(["pid", "cmdline", "cwd"]):
        words, cwd = process.info["cmdline"] or [], process.info["cwd"] or ""
        inside = Path(cwd).is_relative_to(home.root) if cwd else False
        if process.pid != os.getpid() and (inside or any(str(home.root) in word for word in words)):
            found[process.pid] = " ".join(words)[:200]
    return found


WITHIN_S = 240
T = TypeVar("T")
LOOPBACK = ("127.0.0.1", "::1", "::ffff:127.0.0.1")


class _Stack:
    """One home, driven by the command line."""

    def __init__(self, root: Path) -> None:
        self.home = StateDirectory(root)

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "stack.commands.cli", *words, "--home", str(self.home.root)]

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        command = self.command(*words)
        return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=600, check=False)

    def up(self) -> str:
        done = self.run("up", "--services-only", "--source", "simulator")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def down(self) -> None:
        done = self.run("down")
        assert done.returncode == 0, done.stdout + done.stderr

    def services(self) -> dict[str, dict[str, Any]]:
        found = json.loads(self.run("status", "--json").stdout)["services"]
        return {each["name"]: each for each in found}

    def ailing(self) -> dict[str, str]:
        return {name: each["health"] for name, each in self.services().items() if each["health"] != "healthy"}

    def pids(self) -> set[int]:
        groups = [group for path in self.home.run.glob("*.group") if (group := Group.read(path))]
        return {pid for group in groups for pid in group.members()} | set(working_in(self.home.data, below=True))

    def ask_each(self, what: Callable[[psutil.Process], T]) -> list[T]:
        """What each process says of itself; one that has just ended (a connection's, a task's) says nothing."""
        said = []
        for pid in self.pids():
            with contextlib.suppress(psutil.NoSuchProcess):
                said.append(what(psutil.Process(pid)))
        return said


@pytest.fixture(scope="module")
def services() -> Iterator[_Stack]:
    # Below a folder that only its owner may enter, as a clone in /root is.
    root = Path(tempfile.mkdtemp(prefix="hashtide-services-"))
    stack = _Stack(root / "home")
    try:
        stack.up()
        yield stack
    finally:
        stack.down()
        left = left_over(stack.home)
        if not left:
            shutil.rmtree(root, ignore_errors=True)
    assert left == {}


def _wait_until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not true():
        assert time.monotonic() < deadline, f"{what}: not within {WITHIN_S} s"
        time.sleep(0.5)


def test_every_service_is_healthy_after_up_and_nothing_had_to_be_started_twice(services: _Stack) -> None:
    found = services.services()
    assert len(found) >= 10
    assert {each["health"] for each in found.values()} == {"healthy"}
    assert {each["restarts"] for each in found.values()} == {0}


def test_nothing_listens_on_another_address_than_loopback(services: _Stack) -> None:
    asked = services.ask_each(lambda process: (process.name(), process.net_connections(kind="inet")))
    listening = [
        (name, connection.laddr)
        for name, connections in asked
        for connection in connections
        if connection.status in (psutil.CONN_LISTEN, psutil.CONN_NONE)
    ]
    assert len(listening) >= 18
    assert [each for each in listening if each[1].ip not in LOOPBACK] == []


def test_no_secret_is_on_a_command_line_or_in_a_log(services: _Stack) -> None:
    secrets = [path.read_text().split()[-1] for path in services.home.secrets.iterdir() if path.suffix != ".dsn"]
    lines = services.ask_each(lambda process: " ".join(process.cmdline()))
    logs = [path.read_text(errors="replace") for path in services.home.logs.rglob("*.log")]
    assert len(secrets) >= 10
    assert len(lines) >= 10
    assert not [secret for secret in secrets for text in lines + logs if secret in text]


def test_a_second_up_changes_nothing(services: _Stack) -> None:
    before = {name: each["pid"] for name, each in services.services().items()}
    assert "password" not in services.up()
    assert {name: each["pid"] for name, each in services.services().items()} == before


def test_the_readers_psql_reads_and_can_not_write(services: _Stack) -> None:
    assert "(0 rows)" in services.run("psql", "-c", "select * from count_day").stdout
    refused = services.run("psql", "-c", "create temporary table t (a int)")
    assert refused.returncode != 0
    assert "ERROR" in refused.stderr


@pytest.mark.parametrize(
    "name",
    [
        "postgres",
        "kafka",
        "namenode",
        "datanode",
        "resourcemanager",
        "nodemanager",
        "airflow-scheduler",
        "airflow-triggerer",
        "airflow-dag-processor",
        "airflow-api-server",
    ],
)
def test_a_killed_service_comes_back_and_is_counted(services: _Stack, name: str) -> None:
    before = services.services()[name]
    group = Group.read(services.home.run / f"{name}.group")
    assert group is not None
    os.kill(before["pid"], signal.SIGKILL)

    def is_back() -> bool:
        now = services.services()[name]
        return now["pid"] not in (None, before["pid"]) and now["health"] == "healthy"

    _wait_until(is_back, f"{name} is back")
    assert services.services()[name]["restarts"] > before["restarts"]
    _wait_until(lambda: group.members() == [], f"nothing is left of the {name} before")


def test_after_kill_9_of_supervisord_up_brings_all_back_once(services: _Stack) -> None:
    _wait_until(lambda: services.ailing() == {}, "all healthy")
    before = services.pids() - set(working_in(services.home.nodemanager_local, below=True))  # containers go on
    pid = Supervisor(services.home).pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    services.up()
    assert services.ailing() == {}
    left = [old for old in before if psutil.pid_exists(old) and old in services.pids()]
    assert left == []


def test_after_kill_9_of_everything_up_brings_all_back(services: _Stack) -> None:
    pid = Supervisor(services.home).pid()
    assert pid is not None
    for victim in [pid, *services.pids()]:
        with contextlib.suppress(ProcessLookupError):  # it died of another's death
            os.kill(victim, signal.SIGKILL)
    services.up()
    assert services.ailing() == {}


def test_up_killed_in_the_middle_continues_where_it_was(services: _Stack) -> None:
    services.down()
    assert left_over(services.home) == {}
    launcher = subprocess.Popen(
        services.command("up", "--services-only", "--source", "simulator"), cwd=REPOSITORY, stdout=subprocess.DEVNULL
    )
    supervisor = Supervisor(services.home)
    _wait_until(lambda: any(each.pid for each in supervisor.processes().values()), "the first service is started")
    launcher.kill()
    launcher.wait(10)
    services.up()
    assert services.ailing() == {}


def test_two_commands_at_once_are_refused_with_a_clear_line(services: _Stack) -> None:
    first = subprocess.Popen(services.command("down"), cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    first.stdout.readline()
    second = services.run("up", "--services-only", "--source", "simulator")
    assert second.returncode == 1
    assert "another command is running" in second.stderr
    assert second.stderr.count("\n") == 1
    first.communicate(timeout=300)
    assert first.returncode == 0
    assert left_over(services.home) == {}


def test_down_of_a_stack_that_is_down_already_is_fine(services: _Stack) -> None:
    services.down()
    assert services.run("status").returncode == 1
