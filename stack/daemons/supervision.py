"""Supervisord: one daemon per state directory, queried over a unix socket."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import SupervisorTransport, UnixStreamHTTPConnection

from stack.config.deployment import Deployment
from stack.config.errors import StackError
from stack.config.secrets import Secrets
from stack.config.settings import REPOSITORY
from stack.config.state_directory import StateDirectory
from stack.daemons.launch import Group, end_all, working_in

_RPC_LIMIT_S = 10.0
_START_LIMIT_S = 20.0
# One group: supervisord stops its groups one a second.
GROUP = "services"
RUNNING = ("RUNNING", "STARTING")


@dataclass(frozen=True)
class Process:
    """One service, as supervisord reports it.

    Attributes:
        state: supervisord's: RUNNING, STARTING, BACKOFF, STOPPED, FATAL …
        pid: 0 if it is not running.
        started_at: seconds since the epoch, 0 if it never ran.
    """

    state: str
    pid: int
    started_at: float


class _Connection(UnixStreamHTTPConnection):  # type: ignore[misc]
    """A connection with a timeout: a supervisord that hangs must not hang us."""

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_RPC_LIMIT_S)
        self.sock.connect(self.socketfile)


class _Transport(SupervisorTransport):  # type: ignore[misc]
    def __init__(self, password: str, path: Path) -> None:
        super().__init__("hashtide", password, f"unix://{path}")

        def connect() -> _Connection:
            connection = _Connection("localhost")
            connection.socketfile = str(path)
            return connection

        self._get_connection = connect


class Supervisor:
    """The supervisord of one state directory. Each call is one short request; safe to use from threads."""

    def __init__(self, home: StateDirectory) -> None:
        self._home = home

    @property
    def _pidfile(self) -> Path:
        return self._home.run / "supervisord.pid"

    def _call(self, method: str, *arguments: object) -> Any:
        proxy = ServerProxy("http://localhost", _Transport(Secrets(self._home)["supervisor"], self._home.socket))
        with proxy:
            call: Any = proxy
            for name in method.split("."):
                call = getattr(call, name)
            return call(*arguments)

    def is_alive(self) -> bool:
        """Whether it answers."""
        try:
            return bool(self._call("supervisor.getState")["statename"] == "RUNNING")
        except (OSError, HTTPException, Fault):
            return False

    def pid(self) -> int | None:
        """Its pid; None if it does not answer."""
        try:
            return int(self._call("supervisor.getPID"))
        except (OSError, HTTPException, Fault):
            return None

    def processes(self) -> dict[str, Process]:
        """The services by name; empty if supervisord does not answer."""
        try:
            found = self._call("supervisor.getAllProcessInfo")
        except (OSError, HTTPException, Fault):
            return {}
        return {
            each["name"]: Process(each["statename"], int(each["pid"]), float(each["start"]))
            for each in found
            if each["group"] == GROUP
        }

    def start_service(self, name: str) -> None:
        """Starts a service unless it is running. Raises StackError if supervisord does not answer."""
        try:
            self._call("supervisor.startProcess", f"{GROUP}:{name}", False)
        except Fault as fault:
            if "ALREADY_STARTED" not in fault.faultString:
                raise StackError(f"{name} can't be started: {fault.faultString}; see {self._home.logs}") from None
        except (OSError, HTTPException) as error:
            raise StackError(f"supervisord does not answer ({error}); run `up` again") from None

    def stop_services(self, names: list[str], limit_s: float) -> list[str]:
        """Stops services and waits; returns those that still run after `limit_s`."""
        for name in names:
            with contextlib.suppress(Fault, OSError, HTTPException):  # not running
                self._call("supervisor.stopProcess", f"{GROUP}:{name}", False)
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            processes = self.processes()
            left = [
                name
                for name in names
                if name in processes and processes[name].state in (*RUNNING, "STOPPING", "BACKOFF")
            ]
            if not left:
                return []
            time.sleep(0.1)
        return left

    def start(self, deployment: Deployment) -> None:
        """Kills leftovers of the previous supervisord, then starts one with the configuration in conf/.

        Raises:
            StackError: it does not start.
        """
        self.sweep()
        self._home.socket.unlink(missing_ok=True)
        command = [
            str(deployment.toolchain.python),
            "-m",
            "supervisor.supervisord",
            "-c",
            str(self._home.conf / "supervisord.conf"),
        ]
        done = subprocess.run(
            command, cwd=REPOSITORY, env=deployment.environment, capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode != 0:
            raise StackError(f"supervisord did not start: {(done.stderr or done.stdout).strip().splitlines()[-1:]}")
        deadline = time.monotonic() + _START_LIMIT_S
        while not self.is_alive():
            if time.monotonic() > deadline:
                raise StackError(
                    f"supervisord did not come up in {_START_LIMIT_S:.0f} s; see {self._home.logs}/supervisord.log"
                )
            time.sleep(0.05)

    def shut_down(self, limit_s: float = 60.0) -> None:
        """Stops supervisord and all its services."""
        with contextlib.suppress(Fault, OSError, HTTPException):
            self._call("supervisor.shutdown")
        deadline = time.monotonic() + limit_s
        while self._daemons() and time.monotonic() < deadline:
            time.sleep(0.1)
        self.sweep()

    def sweep(self) -> list[str]:
        """Kills what is left of a supervisord that ended or hangs; returns the names of the services found.

        The collector and YARN's containers run in other sessions and are not touched.
        """
        end_all(self._daemons)
        found = []
        groups = dict(self._groups())
        with ThreadPoolExecutor(max_workers=16) as pool:
            ended = {name: pool.submit(group.end, _first_signal(name), 30.0) for name, group in groups.items()}
            found = [name for name, future in ended.items() if future.result()]
        if end_all(lambda: working_in(self._home.data / "postgres"), signal.SIGQUIT):
            found.append("postgres")
        for name in groups:
            (self._home.run / f"{name}.group").unlink(missing_ok=True)
        self._pidfile.unlink(missing_ok=True)
        return sorted(set(found))

    def _groups(self) -> Iterator[tuple[str, Group]]:
        for path in self._home.run.glob("*.group"):
            if group := Group.read(path):
                yield path.stem, group

    def _daemons(self) -> list[int]:
        """Pids of the supervisords with this configuration file on their command line."""
        wanted = os.fsencode(self._home.conf / "supervisord.conf")
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                with contextlib.suppress(OSError):
                    words = (entry / "cmdline").read_bytes().split(b"\0")
                    if wanted in words and b"supervisor.supervisord" in words:
                        found.append(int(entry.name))
        return found


def _first_signal(name: str) -> signal.Signals:
    return signal.SIGINT if name == "postgres" else signal.SIGTERM
