"""A disk whose power can be cut: ext4 on a loop device, shut down beneath whatever writes to it. Needs root.

`EXT4_IOC_SHUTDOWN` (what xfstests' godown uses) drops all that is dirty, the journal's open transaction too, and
refuses everything from then on; mounting it again replays the journal. So a cut leaves what a real one leaves on ext4;
only what a disk's own cache may lose is not lost. Without `auto_da_alloc` ext4 does nothing for programs that rename
before they sync.
"""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_SHUTDOWN, _NO_LOG_FLUSH = 0x8004587D, 2  # _IOR('X', 125, __u32), EXT4_GOING_FLAGS_NOLOGFLUSH
_GONE_WITHIN_S = 60.0


class LoopDevice:
    """One ext4 file system in a file, mounted while it is in use.

    Attributes:
        root: where it is mounted.
    """

    def __init__(self, image: Path, root: Path, *, megabytes: int) -> None:
        """Makes and mounts it.

        Raises:
            subprocess.CalledProcessError, OSError: this machine or this user can't.
        """
        self.root = root
        self._image = image
        with image.open("wb") as file:
            file.truncate(megabytes * 2**20)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", str(image)], check=True)
        root.mkdir(exist_ok=True)
        self._mount()

    def _mount(self) -> None:
        subprocess.run(["mount", "-o", "loop,noauto_da_alloc", str(self._image), str(self.root)], check=True)

    def users(self) -> list[int]:
        """The processes that have something open on it, run from it or stand in it."""
        return [int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit() and self._is_used_by(each)]

    def _is_used_by(self, process: Path) -> bool:
        inside = f"{self.root}/"
        with suppress(OSError):
            links = [process / "cwd", process / "exe", *(process / "fd").iterdir()]
            for link in links:
                with suppress(OSError):
                    if f"{os.readlink(link)}/".startswith(inside):  # noqa: PTH115 - may point to what is deleted
                        return True
            return inside in (process / "maps").read_text()
        return False

    def cut(self) -> None:
        """Cuts the power: what is not on the disk is lost, and every process that uses the disk is dead."""
        for pid in self.users():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)  # at one moment, as far as that goes
        descriptor = os.open(self.root, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        finally:
            os.close(descriptor)
        _until(lambda: not self._kill_users())
        self.unmount()
        self._mount()

    def _kill_users(self) -> list[int]:
        users = self.users()
        for pid in users:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return users

    def close(self) -> None:
        """Ends its use, and that of whatever still uses it; the image stays."""
        _until(lambda: not self._kill_users())
        self.unmount()

    def unmount(self) -> None:
        """The image stays."""
        _until(lambda: subprocess.run(["umount", str(self.root)], check=False, capture_output=True).returncode == 0)


def _until(done: Callable[[], bool]) -> None:
    """Raises TimeoutError."""
    deadline_s = time.monotonic() + _GONE_WITHIN_S
    while not done():
        if time.monotonic() > deadline_s:
            raise TimeoutError("processes still use the disk")
        time.sleep(0.1)
