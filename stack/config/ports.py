"""The port of each service: the usual one or the next free one, then the same for the state directory's life."""

import contextlib
import json
import math
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

from contract.files import FileLock, write_atomically
from stack.config.errors import StackError
from stack.config.state_directory import StateDirectory, private_runtime_dir

HOST = "127.0.0.1"

DEFAULTS: Mapping[str, int] = {
    "airflow": 8080,
    "postgres": 5432,
    "kafka": 9092,
    "kafka_controller": 9093,
    "namenode": 8020,
    "namenode_http": 9870,
    "datanode": 9866,
    "datanode_http": 9864,
    "datanode_ipc": 9867,
    "resourcemanager": 8032,
    "resourcemanager_http": 8088,
    "resourcemanager_scheduler": 8030,
    "resourcemanager_tracker": 8031,
    "resourcemanager_admin": 8033,
    "nodemanager": 8041,
    "nodemanager_http": 8042,
    "nodemanager_localizer": 8040,
    "nodemanager_collector": 8048,
}
LOOPBACK: Mapping[str, str] = dict.fromkeys(
    ("airflow", "postgres", "kafka", "namenode", "datanode", "resourcemanager", "nodemanager"), HOST
)
"""Where each service answers in a stack on one machine."""
_TRIES = 500


def is_free(port: int) -> bool:
    """Whether nothing listens on the port, on loopback or on all addresses."""
    for address in (HOST, "0.0.0.0"):  # noqa: S104 - bound for an instant, never listened on
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True


def choose(remembered: Mapping[str, int], fixed: Mapping[str, int], avoid: frozenset[int]) -> dict[str, int]:
    """A free port for each name in DEFAULTS.

    Args:
        remembered: the ports used last; kept if still free.
        fixed: the user's choice; never moved.
        avoid: ports that other stacks of this user remember.

    Raises:
        StackError: a fixed port is taken, or named twice, or its name is unknown.
    """
    unknown = sorted(set(fixed) - set(DEFAULTS))
    if unknown:
        raise StackError(f"unknown port name {unknown[0]!r}; known: {', '.join(DEFAULTS)}")
    chosen: dict[str, int] = {}
    for name, port in fixed.items():
        if port in chosen.values():
            raise StackError(f"port {port} is given twice; choose another for {name}")
        if not is_free(port):
            raise StackError(
                f"port {port}, given for {name}, is taken; stop the program that listens there or choose another"
            )
        chosen[name] = port
    for name, default in DEFAULTS.items():
        if name not in chosen:
            chosen[name] = _first_free(remembered.get(name), default, avoid, frozenset(chosen.values()))
    return chosen


def _first_free(remembered: int | None, default: int, avoid: frozenset[int], taken: frozenset[int]) -> int:
    if remembered is not None and remembered not in taken and is_free(remembered):
        return remembered
    others = set(DEFAULTS.values()) - {default}
    for port in range(default, default + _TRIES):
        if port not in taken and port not in avoid and port not in others and is_free(port):
            return port
    raise StackError(f"no free port from {default} to {default + _TRIES}")


def settle(home: StateDirectory, fixed: Mapping[str, int]) -> dict[str, int]:
    """Chooses and remembers the ports of a stack that is not running.

    Raises:
        StackError: a fixed port is taken.
    """
    path = home.root / "ports.json"
    with _registry() as homes:
        avoid = {port for other in homes if other != home.root for port in recall(StateDirectory(other)).values()}
        ports = choose(recall(home), fixed, frozenset(avoid))
        write_atomically(path, json.dumps(ports, indent=1) + "\n", durably=True)
        homes.append(home.root)
    return ports


def recall(home: StateDirectory) -> dict[str, int]:
    """The remembered ports; none before the first `up`."""
    try:
        remembered: dict[str, int] = json.loads((home.root / "ports.json").read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return remembered


@contextlib.contextmanager
def _registry() -> Iterator[list[Path]]:
    """The state directories of this user that still exist, to be appended to; one process at a time.

    Two stacks that start at the same moment would otherwise choose the same port.
    """
    path = private_runtime_dir() / "homes"
    with FileLock(private_runtime_dir() / "homes.lock", within_s=math.inf):
        lines = path.read_text().splitlines() if path.exists() else []
        homes = [Path(line) for line in lines if (Path(line) / "ports.json").exists()]
        yield homes
        write_atomically(path, "".join(f"{root}\n" for root in dict.fromkeys(homes)))
