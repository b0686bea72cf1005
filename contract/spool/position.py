"""A point in the spool. SPOOL/acked.json: the one up to which the topic has everything, and what its log was then."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from contract.files import write_atomically
from contract.topic_log import Ends, LogEnd

MOST_MARKS = 40  # some 2^20 of them apart: half a second each, about six days of publishing


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


class Mark(NamedTuple):
    """A moment at which the topic was seen to hold everything up to a position.

    Attributes:
        number: 1, 2, 3, …
        ends: of the topic's log at that moment.
    """

    number: int
    position: Position
    ends: Ends


@dataclass(frozen=True)
class Acked:
    """Up to where the topic has everything.

    Attributes:
        marks: earlier moments and the newest one, oldest first. They get sparser with their age: if the topic loses
            what came after the n-th last one, there is one that is at most four times as old. The position may lie
            behind the newest one.
    """

    position: Position
    marks: tuple[Mark, ...] = ()

    @property
    def ends(self) -> Ends:
        """How far the topic's log reached at the newest mark."""
        return self.marks[-1].ends if self.marks else {}

    def marked(self, position: Position, ends: Ends) -> Acked:
        """The topic holds everything up to the position: a new mark, and the old ones thinned."""
        number = self.marks[-1].number + 1 if self.marks else 1
        # Of the multiples of each power of two the last two: n & -n is the largest one that divides n.
        kept = [each for each in self.marks if number - each.number < 2 * (each.number & -each.number)]
        return Acked(position, (*kept, Mark(number, position, ends))[-MOST_MARKS:])

    def back_to(self, position: Position) -> Acked:
        """Only what lies before or at the position."""
        return Acked(position, tuple(each for each in self.marks if each.position.records <= position.records))


def read_acked(directory: Path) -> Acked | None:
    """What was acknowledged; None before the first connection. Older versions kept no marks.

    Raises:
        ValueError: the file is damaged. Only a person can say what to do: see the message.
    """
    path = directory / "acked.json"
    try:
        found = json.loads(path.read_bytes())
        marks = tuple(map(_read_mark, found.pop("marks", ())))
        return Acked(Position(**found), marks)
    except FileNotFoundError:
        return None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is damaged ({error}): put it back from a copy, or remove it; then all that the spool still holds "
            "is sent again, and what is older than the dedup window is counted twice"
        ) from error


def write_acked(directory: Path, acked: Acked) -> None:
    """Keeps it, durably: it is the only place that says what was sent."""
    content = {**acked.position._asdict(), "marks": [_mark_as_json(each) for each in acked.marks]}
    write_atomically(directory / "acked.json", json.dumps(content), durably=True)


def _mark_as_json(mark: Mark) -> dict[str, object]:
    return {"number": mark.number, "position": mark.position, "ends": mark.ends}


def _read_mark(found: dict[str, Any]) -> Mark:
    ends = {int(partition): LogEnd(*end) for partition, end in found["ends"].items()}
    return Mark(int(found["number"]), Position(*found["position"]), ends)
