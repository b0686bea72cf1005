"""What supervisord really starts: it clears up after the last one of that name, then becomes the service.

    launch.py --run DIR --name NAME [--signal TERM] [--working-dir DIR] [--user NAME [--capability CAP]] -- COMMAND…

Standard library only: it runs before each service, and has to be quick.
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
    """A process group that a service was started as. It outlives its leader as long as a child of the leader lives.

    Attributes:
        pgid: the group's id, the leader's pid.
        sid: the session's id, supervisord's pid.
        boot_id: of the kernel; after a reboot the same numbers mean somebody else.
    """

    pgid: int
    sid: int
    boot_id: str

    @classmethod
    def own(cls) -> "Group":
        """Returns the group of this process."""
        return cls(os.getpgrp(), os.getsid(0), boot_id())

    @classmethod
    def read(cls, path: Path) -> "Group | None":
        """Returns the group that a file names, None where there is none or it is torn."""
        try:
            return cls(**json.loads(path.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def write(self, path: Path) -> None:
        """Keeps the group in a file, whole or not at all."""
        aside = path.with_suffix(".new")
        aside.write_text(json.dumps(asdict(self)))
        aside.replace(path)

    def members(self) -> list[int]:
        """Returns the pids of the group's processes that are alive, this one left out."""
        if self.boot_id != boot_id():
            return []
        return [pid for pid in _pids() if _stat(pid) == (self.pgid, self.sid)]

    def end(self, first: signal.Signals = signal.SIGTERM, grace_s: float = _GRACE_S) -> bool:
        """Stops what is left of the group, see `end_all`."""
        return end_all(self.members, first, grace_s)


def end_all(find: Callable[[], list[int]], first: signal.Signals = signal.SIGTERM, grace_s: float = _GRACE_S) -> bool:
    """Stops the processes that `find` returns: asks, waits, then kills. Returns whether there were any."""
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
    """Returns the pids of the processes whose working directory this is, or (`below`) lies in it."""
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
    """Returns what names this boot of the kernel."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _stat(pid: int) -> tuple[int, int] | None:
    """Returns a process's group and session, None where it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else (int(fields[2]), int(fields[3]))


def drop_stale_pidfile(pidfile: Path) -> bool:
    """Removes Postgres's pid file where its pid is nobody's or somebody else's; returns whether it did.

    Postgres looks only whether a process of that number lives, so after a crash or a reboot it would refuse for ever to
    start beside, say, our NameNode.
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
    """Clears up, then becomes the command; returns never."""
    parser = argparse.ArgumentParser(prog="stack.daemons.launch")
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--signal", default="TERM")
    parser.add_argument(
        "--working-dir", type=Path, help="of Postgres: its processes leave the group that they were started in"
    )
    parser.add_argument("--user")
    parser.add_argument("--capability")
    parser.add_argument("command", nargs="+")
    args = parser.parse_args(arguments)
    record = args.run / f"{args.name}.group"
    before = Group.read(record)
    if before and before != Group.own() and before.end(first=signal.Signals[f"SIG{args.signal}"]):
        print(f"stack.daemons.launch: ended what was left of the {args.name} before", flush=True)  # noqa: T201 - the service's log
    if args.working_dir:
        end_all(lambda: working_in(args.working_dir), signal.SIGQUIT)
        drop_stale_pidfile(args.working_dir / "postmaster.pid")
    Group.own().write(record)
    os.execvp("setpriv", privileges(args.signal, args.user, args.capability) + args.command)  # noqa: S606


def privileges(death_signal: str, user: str | None, capability: str | None) -> list[str]:
    """Returns the command line of setpriv: die with supervisord, even if it is killed; and as whom to run."""
    line = ["setpriv", "--pdeathsig", death_signal]
    if user:
        line += ["--reuid", user, "--regid", user, "--clear-groups"]
    if capability:
        # access(2) forgets the capabilities of whoever isn't root, unless this bit is set; initdb asks it for postgres.
        line += ["--securebits", "+no_setuid_fixup"]
        line += ["--inh-caps", f"+{capability}", "--ambient-caps", f"+{capability}"]
    return [*line, "--"]


if __name__ == "__main__":
    main(sys.argv[1:])
