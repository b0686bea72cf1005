"""Small things about files that the spool and the state file need: whole or not at all, and one process at a time."""

import fcntl
import json
import os
import re
from pathlib import Path
from typing import IO

from collecting.spool import process_id


class LockHeld(Exception):  # noqa: N818 - it says what is the matter
    """Another process holds the lock. `pid` is what it calls itself, empty if that can't be read."""

    def __init__(self, path: Path, pid: str) -> None:
        super().__init__(f"{path} is held by process {pid or 'unknown'}")
        self.pid = pid


def take_lock(path: Path) -> IO[str]:
    """Takes the lock and says in the file who has it. The kernel frees it when the process is gone, however it went.

    Two locks in one: `flock` keeps everybody else out. The record lock after it shows others that the holder lives:
    they can ask for it without taking it (F_GETLK), and no child inherits it. Whoever finds it held can believe the
    line, which was there before. Our own process may not open and close the file meanwhile: that would free it.

    Raises:
        LockHeld: another process has it.
    """
    file = path.open("a+", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        found = re.search(r'"pid": (\d+)', file.read())
        file.close()
        raise LockHeld(path, found[1] if found else "") from None
    file.truncate(0)
    file.write(json.dumps(process_id.own()) + "\n")
    file.flush()
    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file


def write_atomically(path: Path, content: bytes, *, durably: bool = False) -> None:
    """Replaces the file in one step: a reader sees the old one or the new one. `durably`: also after a power cut."""
    aside = path.with_name(path.name + ".tmp")
    with aside.open("wb") as file:
        file.write(content)
        if durably:
            file.flush()
            os.fsync(file.fileno())
    aside.replace(path)
    if durably:
        fsync_directory(path.parent)


def fsync_directory(directory: Path) -> None:
    """Makes the names in a folder last."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    """os.write until everything is written: it may take less than it was given."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
