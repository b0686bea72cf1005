"""SPOOL/collected.jsonl: which kinds of sources the spool has held, and since when. One line a change, never removed.

What is simulated looks like what people write, down to its ids: only here is it known for good.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from contract.files import fsync_directory

log = logging.getLogger(__name__)


class Collected(NamedTuple):
    """From this moment on these kinds of sources were collected, until the next one's."""

    began_at: datetime
    kinds: tuple[str, ...]


def note_kinds(directory: Path, kinds: Iterable[str], now: datetime) -> None:
    """Adds what is collected from now on, unless the last line says so already.

    It is on the disk when this returns: no record of a source is published before its line is there.
    """
    path, found = directory / "collected.jsonl", sorted(set(kinds))
    before = path.read_bytes() if path.exists() else b""
    whole = before[: before.rfind(b"\n") + 1]  # a line that a power cut tore was followed by no record
    if _last_kinds(whole) == found:
        return
    line = json.dumps({"began_at": now.astimezone(UTC).isoformat(timespec="milliseconds"), "kinds": found}).encode()
    with path.open("r+b" if path.exists() else "wb") as file:
        file.truncate(len(whole))
        file.seek(len(whole))
        file.write(line + b"\n")
        file.flush()
        os.fsync(file.fileno())
    if not before:
        fsync_directory(directory)


def _last_kinds(whole: bytes) -> object:
    """The last line's kinds; None if it cannot be read: a label must never delay a post."""
    try:
        return json.loads(whole.splitlines()[-1])["kinds"]
    except (IndexError, ValueError, KeyError, TypeError):
        return None


def read_collected(directory: Path) -> list[Collected]:
    """All lines in order. One that can't be read is logged and left out: it is a label, and no count waits for that."""
    path = directory / "collected.jsonl"
    if not path.exists():
        return []
    found = []
    for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
        try:
            entry = json.loads(line)
            kinds = tuple(str(kind) for kind in entry["kinds"])
            found.append(Collected(datetime.fromisoformat(entry["began_at"]), kinds))
        except (ValueError, KeyError, TypeError):
            log.warning("%s line %d can't be read: which sources were collected is not known whole", path, number)
    return found
