"""A point in the spool."""

from typing import NamedTuple


class Position(NamedTuple):
    """A point between two records.

    Attributes:
        segment: number of the segment.
        offset: byte offset in it.
        records: how many records the spool took before this point, over its life.
        notes: how many of them were notes of the collector's own.
    """

    segment: int
    offset: int
    records: int
    notes: int


NOWHERE = Position(0, 0, 0, 0)
