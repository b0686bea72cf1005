"""Addresses of sources (docs/contracts.md), as far as the launcher has to know them: paths, and whether they end."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

from stack.config.errors import StackError
from stack.config.settings import REPOSITORY

CHECK_WITHIN_S = 60.0
KINDS = ("simulator", "file", "x", "jetstream", "mastodon", "tcp", "auto")
FIRST = "auto"
"""What a new home collects from where nothing was said."""

POSTS_UNTIL_DONE = 20_000
"""What an endless simulator is cut to where the end is waited for: a minute or two of work."""

_BETWEEN = re.compile(rf"\s+(?=(?:{'|'.join(KINDS)})(?::|\s|$))")
_NOT_PLAIN = re.compile(r"[%,\s]")


def split(addresses: str) -> list[str]:
    """Several sources' addresses, apart. White space divides only where a kind follows it: a path may hold some."""
    return _BETWEEN.split(addresses.strip()) if addresses.strip() else []


def absolute(addresses: str) -> str:
    """The same with absolute paths: the collector works in another directory.

    Raises:
        StackError: a file is not there.
    """
    return " ".join(map(_absolute, split(addresses)))


def _absolute(address: str) -> str:
    kind, items = _parts(address)
    if kind != "file":
        return address
    paths = [None if _is_setting(item) else Path(unquote(item)).expanduser().absolute() for item in items]
    for path in filter(None, paths):
        if not path.is_file():
            raise StackError(f"--source: there is no file {path}")
    written = [item if path is None else _written(path) for item, path in zip(items, paths, strict=True)]
    return f"file:{','.join(written)}"


def _written(path: Path) -> str:
    return _NOT_PLAIN.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), str(path))


def require_understood(address: str) -> None:
    """Asks the collector itself, before anything is started for an address that it would refuse.

    Raises:
        StackError: why it refuses.
    """
    command = [sys.executable, str(REPOSITORY / "jobs" / "collect.py"), "--check", "--source", address]
    asked = subprocess.run(command, capture_output=True, text=True, timeout=CHECK_WITHIN_S, check=False)
    if asked.returncode != 0:
        raise StackError(f"--source: {(asked.stderr.strip().splitlines() or ['not understood'])[-1]}")


def finite(addresses: str) -> str:
    """The same where they all come to an end; a simulator without one is cut, its other settings stay.

    Raises:
        StackError: one never ends.
    """
    return " ".join(map(_finite, split(addresses)))


def _finite(address: str) -> str:
    kind, items = _parts(address)
    ends = [item for item in items if re.fullmatch(r"(posts|limit|duration_s)=0*[1-9][0-9.]*|ends=1", item)]
    if kind == "file" or ends:
        return address
    if kind == "simulator":
        kept = [item for item in items if item != "posts=0"]
        return f"simulator:{','.join([f'posts={POSTS_UNTIL_DONE}', *kept])}"
    raise StackError(
        f"--until-done: {address} never ends; give it an end (`limit=N` posts or `duration_s=S` among its keys), "
        "or name a file"
    )


def _parts(address: str) -> tuple[str, list[str]]:
    kind, _, rest = address.partition(":")
    return kind, [item for item in rest.split(",") if item]


def _is_setting(item: str) -> bool:
    """As the collector tells it from a path that holds an equals sign."""
    return re.match(r"[a-z_]+=", item) is not None
