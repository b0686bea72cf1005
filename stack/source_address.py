"""The address of a source (docs/contracts.md), as far as the launcher has to know it: paths, and whether it ends."""

import subprocess
import sys
from pathlib import Path

from stack.errors import StackError
from stack.settings import REPOSITORY

CHECK_WITHIN_S = 60.0

POSTS_UNTIL_DONE = 20_000
"""What an endless simulator is cut to where the end is waited for: a minute or two of work."""


def absolute(address: str) -> str:
    """The same address with absolute paths: the collector works in another directory.

    Raises:
        StackError: a file is not there.
    """
    kind, items = _split(address)
    if kind != "file":
        return address
    paths = [item if _is_setting(item) else str(Path(item).expanduser().absolute()) for item in items]
    for path in paths:
        if not _is_setting(path) and not Path(path).is_file():
            raise StackError(f"--source: there is no file {path}")
    return f"file:{','.join(paths)}"


def require_understood(address: str) -> None:
    """Asks the collector itself, before anything is started for an address that it would refuse.

    Raises:
        StackError: why it refuses.
    """
    command = [sys.executable, str(REPOSITORY / "jobs" / "collect.py"), "--check", "--source", address]
    asked = subprocess.run(command, capture_output=True, text=True, timeout=CHECK_WITHIN_S, check=False)
    if asked.returncode != 0:
        raise StackError(f"--source: {(asked.stderr.strip().splitlines() or ['not understood'])[-1]}")


def finite(address: str) -> str:
    """The same address where it comes to an end; a simulator without an end is cut, its other settings stay."""
    kind, items = _split(address)
    if kind != "simulator" or any(item.startswith("posts=") and item != "posts=0" for item in items):
        return address
    kept = [item for item in items if item != "posts=0"]
    return f"simulator:{','.join([f'posts={POSTS_UNTIL_DONE}', *kept])}"


def _split(address: str) -> tuple[str, list[str]]:
    kind, _, rest = address.partition(":")
    return kind, [item for item in rest.split(",") if item]


def _is_setting(item: str) -> bool:
    name, equals, _ = item.partition("=")
    return bool(equals) and name.isidentifier()
