"""Files that others read while we write them, and locks between processes.

Standard library only: the launcher needs both before anything is installed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

ASIDE_SUFFIX = ".tmp"  # what a crash leaves behind is `.NAME.….tmp` beside the file
LEFTOVER_AFTER_S = 3600.0
POLL_INTERVAL_S = 0.05
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def write_atomically(path: Path, content: bytes | str, *, durably: bool = False, mode: int | None = None) -> None:
    """Replaces the file in one step: a reader finds the old one or the new one, whole, after a power cut too.

    Args:
        path: the file; its folder must exist.
        content: the whole file; text is written as UTF-8.
        durably: after a power cut it is the new one: the folder too is fsynced before this returns.
        mode: of the new file, from its first byte on and whatever the umask; None: 0666 less the umask.

    Raises:
        OSError: it could not be written; the old file is unchanged and nothing is left aside.
    """
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}{ASIDE_SUFFIX}")
    descriptor = os.open(aside, _NEW_FILE, 0o666 if mode is None else mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if mode is not None:
                os.fchmod(descriptor, mode)
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(descriptor)  # else the name may last and the content not: an empty file, or zeros
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    if durably:
        fsync_directory(path.parent)


def remove_leftovers(directory: Path) -> None:
    """Removes what killed writers left aside in a folder: secrets among it. Younger ones may be being written."""
    for path in directory.glob(f".*{ASIDE_SUFFIX}"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > LEFTOVER_AFTER_S:
                path.unlink()


def make_directory(directory: Path, mode: int = 0o777) -> None:
    """Makes a folder and those above it where they are missing, durably: a file that is fsynced in it has a way to it.

    Args:
        directory: the folder.
        mode: of the folder if it is new, less the umask.

    Raises:
        OSError: it can't be made.
    """
    missing = [each for each in (directory, *directory.parents) if not each.exists()]
    directory.mkdir(mode, parents=True, exist_ok=True)
    for each in missing or [directory]:  # another process may have made it a moment ago
        fsync_directory(each.parent)


def fsync_directory(directory: Path) -> None:
    """Makes the names in a folder last through a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class LockHeld(Exception):  # noqa: N818 - it says what is the matter
    """Another process holds the lock. `holder` is its pid as it wrote it, `unknown` where that can't be read."""

    def __init__(self, path: Path, holder: str) -> None:
        super().__init__(f"{path} is held by process {holder}")
        self.holder = holder


class FileLock:
    """An exclusive lock (flock) on a file of this host, held from construction until `close`.

    The kernel frees it when the process ends, however it ends. A child that inherits `descriptor` (`pass_fds`) keeps
    it held until it has ended too. The file stays, with a line that names the holder.

    Attributes:
        descriptor: of the open file.
    """

    def __init__(
        self,
        path: Path,
        *,
        within_s: float = 0.0,
        while_waiting: Callable[[], None] | None = None,
        name: str | None = None,
    ) -> None:
        """Takes the lock; makes its folder where it is missing.

        Args:
            path: the lock's file.
            within_s: how long to wait for another holder; 0: not at all.
            while_waiting: called at each poll while another one holds it.
            name: the line that names the holder, its pid the first number in it; None: the pid alone.

        Raises:
            LockHeld: another process has it, and had it for all of `within_s`.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if not self._taken_within(within_s, while_waiting or (lambda: None)):
                raise LockHeld(path, self._holder())  # noqa: TRY301 - closed below
            os.truncate(self.descriptor, 0)
            os.pwrite(self.descriptor, f"{name or os.getpid()}\n".encode(), 0)
        except BaseException:
            self.close()
            raise

    def _taken_within(self, within_s: float, while_waiting: Callable[[], None]) -> bool:
        give_up_at = time.monotonic() + within_s
        while not self._taken():
            if time.monotonic() >= give_up_at:
                return False
            while_waiting()
            time.sleep(POLL_INTERVAL_S)
        return True

    def _taken(self) -> bool:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return False

    def _holder(self) -> str:
        found = re.search(rb"\d+", os.pread(self.descriptor, 100, 0))
        return found[0].decode() if found else "unknown"

    def close(self) -> None:
        """Frees the lock, unless a child still holds it."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def __enter__(self) -> FileLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
