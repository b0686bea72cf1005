"""One at a time: two launchers in one checkout must not fill the same folder."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stack.toolchain.report import Report, ToolchainError

WAIT_LIMIT_S = 3600.0


@contextmanager
def held(path: Path, report: Report, wait_limit_s: float = WAIT_LIMIT_S) -> Iterator[int]:
    """Holds the lock file at `path`; yields its descriptor.

    Programs that change the folder inherit the descriptor (`pass_fds`): when the launcher is killed, the lock stays
    held until they have ended too, so the next launcher never works beside an orphan.

    Args:
        path: the lock file.
        report: shows a step while another holder is waited for.
        wait_limit_s: how long to wait for another holder.

    Raises:
        ToolchainError: another process has held the lock for too long.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not _taken(descriptor):
            _wait(descriptor, path, report, wait_limit_s)
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _wait(descriptor: int, path: Path, report: Report, wait_limit_s: float) -> None:
    holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
    step = f"waiting for another start (process {holder}, or what it downloads with)"
    report.started(step)
    give_up_at = time.monotonic() + wait_limit_s
    while not _taken(descriptor):
        if time.monotonic() > give_up_at:
            raise ToolchainError(f"process {holder} has held {path} for {wait_limit_s:.0f} s; stop it, then try again")
        report.advanced(step, 0)
        time.sleep(0.2)
    report.done(step)
