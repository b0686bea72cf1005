"""A lock file: two launchers in one checkout must not fill the same folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contract.files import FileLock, LockHeld
from stack.toolchain.report import Report, ToolchainError

WAIT_LIMIT_S = 3600.0


@contextmanager
def held(path: Path, report: Report, wait_limit_s: float = WAIT_LIMIT_S) -> Iterator[int]:
    """Holds the lock file at `path`; yields its descriptor.

    Programs that change the folder inherit the descriptor (`pass_fds`): if the launcher is killed, the lock stays held
    until they have ended too, so the next launcher never works beside an orphan.

    Args:
        path: the lock file.
        report: shows a step while waiting for another holder.
        wait_limit_s: how long to wait for another holder.

    Raises:
        ToolchainError: another process has held the lock for too long.
    """
    try:
        lock = FileLock(path)
    except LockHeld as held:
        lock = _wait(path, held.holder, report, wait_limit_s)
    with lock:
        yield lock.descriptor


def _wait(path: Path, holder: str, report: Report, wait_limit_s: float) -> FileLock:
    step = f"waiting for another start (process {holder}, or what it downloads with)"
    report.started(step)
    try:
        lock = FileLock(path, within_s=wait_limit_s, while_waiting=lambda: report.advanced(step, 0))
    except LockHeld:
        raise ToolchainError(
            f"process {holder} has held {path} for {wait_limit_s:.0f} s; stop it, then try again"
        ) from None
    report.done(step)
    return lock
