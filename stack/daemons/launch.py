"""What supervisord starts: kills leftovers of the previous instance, then execs the service.

    launch.py --run DIR --name NAME [--signal TERM] [--working-dir DIR] [--user NAME [--capability CAP]] -- COMMAND…

Standard library only: it runs before each service and has to be quick.
"""

import argparse
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

_GRACE_S = 10.0


@dataclass(frozen=True)
class Group:
    """The process group of a service. It outlives its leader as long as a child of the leader lives.

    Attributes:
        pgid: the group's id, the leader's pid.
        sid: the session's id, supervisord's pid.
        boot_id: of the kernel; after a reboot the same numbers belong to other processes.
    """

    pgid: int
    sid: int
    boot_id: str

    @classmethod
    def own(cls) -> "Group":
        """The group of this process."""
        return cls(os.getpgrp(), os.getsid(0), boot_id())

    @classmethod
    def read(cls, path: Path) -> "Group | None":
        """The group in a file; None if the file is missing or incomplete."""
        try:
            return cls(**json.loads(path.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def write(self, path: Path) -> None:
        """Writes the group to a file, atomically."""
        aside = path.with_suffix(".new")  # by hand: started by its path alone, it can import nothing of ours
        aside.write_text(json.dumps(asdict(self)))
        aside.replace(path)

    def members(self) -> list[int]:
        """The pids of the group's living processes, except this one."""
        if self.boot_id != boot_id():
            return []
        return [pid for pid in _pids() if _stat(pid) == (self.pgid, self.sid)]

    def end(self, first: signal.Signals = signal.SIGTERM, grace_s: float = _GRACE_S) -> bool:
        """Stops the group's processes, see `end_all`."""
        return end_all(self.members, first, grace_s)


def end_all(find: Callable[[], list[int]], first: signal.Signals = signal.SIGTERM, grace_s: float = _GRACE_S) -> bool:
    """Stops the processes that `find` returns: sends a signal, waits, then kills. Returns whether there were any."""
    pids = find()
    found = bool(pids)
    for which in (first, signal.SIGKILL):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, which)
        deadline = time.monotonic() + grace_s
        while (pids := find()) and time.monotonic() < deadline:
            time.sleep(0.05)
        if not pids:
            break
    return found


def working_in(directory: Path, below: bool = False) -> list[int]:
    """The pids of the processes that work in this directory, or (`below`) below it."""
    found = []
    for pid in _pids():
        with contextlib.suppress(OSError):
            path = str(Path(f"/proc/{pid}/cwd").readlink()).removesuffix(" (deleted)")
            if path == str(directory) or (below and path.startswith(f"{directory}/")):
                found.append(pid)
    return [pid for pid in found if _stat(pid)]


def _pids() -> list[int]:
    return [
        int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and int(entry.name) != os.getpid()
    ]


def boot_id() -> str:
    """The id of this boot of the kernel."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _stat(pid: int) -> tuple[int, int] | None:
    """A process's group and session; None if it has ended or is a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else (int(fields[2]), int(fields[3]))


def drop_stale_pidfile(pidfile: Path) -> bool:
    """Removes Postgres's pid file if its pid belongs to no process or to another program; returns whether it did.

    Postgres only checks whether a process with that pid lives, so after a crash or a reboot it might refuse to start
    because the pid is now, say, our NameNode's.
    """
    try:
        pid = int(pidfile.read_text().splitlines()[0])
        name = Path(f"/proc/{pid}/comm").read_text().strip()
        working_dir = Path(f"/proc/{pid}/cwd").readlink()
    except FileNotFoundError:
        if not pidfile.exists():
            return False
        name, working_dir = "", Path()
    except (ValueError, IndexError):
        name, working_dir = "", Path()
    if name == "postgres" and working_dir == pidfile.parent:
        return False
    pidfile.unlink(missing_ok=True)
    return True


def main(arguments: list[str]) -> None:
    """Kills leftovers, then execs the command."""
    parser = argparse.ArgumentParser(prog="stack.daemons.launch")
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--signal", default="TERM")
    parser.add_argument("--working-dir", type=Path, help="Postgres's: its processes leave their process group")
    parser.add_argument("--user")
    parser.add_argument("--capability")
    parser.add_argument("command", nargs="+")
    args = parser.parse_args(arguments)
    record = args.run / f"{args.name}.group"
    before = Group.read(record)
    if before and before != Group.own() and before.end(first=signal.Signals[f"SIG{args.signal}"]):
        print(f"stack.daemons.launch: killed leftovers of the previous {args.name}", flush=True)  # noqa: T201 - the service's log
    if args.working_dir:
        end_all(lambda: working_in(args.working_dir), signal.SIGQUIT)
        drop_stale_pidfile(args.working_dir / "postmaster.pid")
    Group.own().write(record)
    os.execvp("setpriv", privileges(args.signal, args.user, args.capability) + args.command)  # noqa: S606


def privileges(death_signal: str, user: str | None, capability: str | None) -> list[str]:
    """The command line of setpriv: end when supervisord ends, even if it is killed; and run as `user`."""
    line = ["setpriv", "--pdeathsig", death_signal]
    if user:
        line += ["--reuid", user, "--regid", user, "--clear-groups"]
    if capability:
        # access(2), which initdb calls, ignores the capabilities of users other than root unless this bit is set.
        line += ["--securebits", "+no_setuid_fixup"]
        line += ["--inh-caps", f"+{capability}", "--ambient-caps", f"+{capability}"]
    return [*line, "--"]


if __name__ == "__main__":
    main(sys.argv[1:])
