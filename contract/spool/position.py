"""A point in the spool. SPOOL/acked.json: the one up to which Kafka has acknowledged everything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from contract.files import write_atomically


class Position(NamedTuple):
    """A point between two records.

    Attributes:
        segment: number of the segment.
        offset: byte offset in it.
        records: how many records the spool took before this point, over its life.
        notes: how many of them were events of the collector's own (their older name stays on disk).
    """

    segment: int
    offset: int
    records: int
    notes: int


NOWHERE = Position(0, 0, 0, 0)


def read_acked(directory: Path) -> Position | None:
    """The acknowledged position; None before the first acknowledgement.

    Raises:
        ValueError: the file is damaged. Only a person can say what to do: see the message.
    """
    path = directory / "acked.json"
    try:
        return Position(**json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is damaged ({error}): put it back from a copy, or remove it; then all that the spool still holds "
            "is sent again, and what is older than the dedup window is counted twice"
        ) from error


def write_acked(directory: Path, position: Position) -> None:
    """Keeps the acknowledged position, durably: it is the only place that says what was sent."""
    write_atomically(directory / "acked.json", json.dumps(position._asdict()), durably=True)
