"""SPOOL/cursors.json: the last cursor of each source whose segments are removed."""

from __future__ import annotations

import json
from pathlib import Path

from contract.files import write_atomically


def read_cursors(directory: Path) -> dict[str, str]:
    """The last cursor of each source by its id, the one that was written last at the end.

    Raises:
        ValueError: the file is damaged.
    """
    path = directory / "cursors.json"
    try:
        cursors: dict[str, str] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ValueError(
            f"{path} is damaged ({error}): put it back from a copy, or remove it; a source without segments "
            "then begins anew"
        ) from error
    return cursors


def remember_cursor(directory: Path, source_id: str, cursor: str) -> None:
    """Keeps a source's last cursor, durably: before the segment that it comes from is removed."""
    others = {other: each for other, each in read_cursors(directory).items() if other != source_id}
    write_atomically(directory / "cursors.json", json.dumps({**others, source_id: cursor}), durably=True)
