"""Checks free space: on the disk for downloads and data, in memory for the stack."""

import errno
import shutil
from pathlib import Path

from stack.toolchain.report import ToolchainError

GIGABYTE = 1_000_000_000
# The stack at rest stays below 5.5 GB; starting all at once and the first report take a little more for a while.
STACK_MEMORY_BYTES = int(5.5 * GIGABYTE)
CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
CGROUP_USES = (Path("/sys/fs/cgroup/memory.current"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"))


def free_disk_bytes(folder: Path) -> int:
    """Free bytes for `folder`, which need not exist yet."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(existing).free


def require_disk(folder: Path, needed_bytes: int, what: str) -> None:
    """Refuses if `what` does not fit.

    Raises:
        ToolchainError: fewer than `needed_bytes` are free where `folder` is (or will be).
    """
    free = free_disk_bytes(folder)
    if free < needed_bytes:
        raise ToolchainError(
            f"{what} needs {needed_bytes / GIGABYTE:.1f} GB, {folder} has {free / GIGABYTE:.1f} GB free; "
            "make room, or point HASHTIDE_PARTS at a larger disk"
        )


def unwritable(folder: Path, error: OSError) -> ToolchainError:
    """The error for a folder that can't be written."""
    what = "is on a full disk" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "can't be written"
    return ToolchainError(f"{folder} {what} ({error}); fix that, or point HASHTIDE_PARTS at another folder")


def available_memory_bytes(meminfo: Path = Path("/proc/meminfo")) -> int | None:
    """Bytes that new processes can use, the container's limit included; None if unknown."""
    try:
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
        available = int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None
    return min([available, *_left_in_cgroup()])


def require_memory(needed_bytes: int = STACK_MEMORY_BYTES) -> None:
    """To be called before a stack is started, not while it runs: it then holds the memory itself.

    Raises:
        ToolchainError: fewer than `needed_bytes` are available; nothing is raised if that is unknown.
    """
    available = available_memory_bytes()
    if available is not None and available < needed_bytes:
        raise ToolchainError(
            f"the stack needs {needed_bytes / GIGABYTE:.1f} GB of memory, {available / GIGABYTE:.1f} GB are available; "
            "stop other programs, or take a larger machine"
        )


def _left_in_cgroup() -> list[int]:
    left = []
    for limit, use in zip(CGROUP_LIMITS, CGROUP_USES, strict=True):
        try:
            left.append(max(0, int(limit.read_text()) - int(use.read_text())))
        except (OSError, ValueError):  # no such controller, or `max`: no limit
            continue
    return left
