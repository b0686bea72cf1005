"""What Postgres says of one generation: its tallies and which offsets its batches have read."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from contract.names import DEDUP_WINDOW_MIN
from stack.observe.counts_db import read_only, rows


@dataclass(frozen=True)
class LedgerRange:
    """What one batch read from one partition: offsets [from_offset, until_offset)."""

    partition: int
    from_offset: int
    until_offset: int
    processed_at_s: float = 0.0


@dataclass(frozen=True)
class Ledger:
    """What Postgres says of one generation.

    Attributes:
        records: records that the batches read.
        posts: posts counted.
        control: control messages.
        dead: records that could not be understood.
        gaps: gap events of the collector.
        last_batch: the newest compacted batch, -1 before the first.
        unread: offsets that hold no readable record: markers of transactions, aborted records.
        dedup_window: how long, in processing time, a repeat is recognised.
        ranges: the offset ranges of all batches.
    """

    records: int = 0
    posts: int = 0
    control: int = 0
    dead: int = 0
    gaps: int = 0
    last_batch: int = -1
    unread: int = 0
    dedup_window: timedelta = timedelta(minutes=DEDUP_WINDOW_MIN)
    ranges: Sequence[LedgerRange] = field(default=(), repr=False)

    @property
    def kept(self) -> int:
        """Records counted or listed: all but the duplicates and what could not be read."""
        return self.posts + self.control + self.dead + self.gaps

    def until(self) -> dict[int, int]:
        """By partition, the offset after the last compacted record."""
        furthest: dict[int, int] = {}
        for each in self.ranges:
            furthest[each.partition] = max(furthest.get(each.partition, 0), each.until_offset)
        return furthest

    def covers(self, end_offsets: dict[int, int]) -> bool:
        """Whether everything before these offsets is compacted."""
        furthest = self.until()
        return all(furthest.get(partition, 0) >= end for partition, end in end_offsets.items())


def read_ledger(dsn_file: Path, generation: int, topic: str) -> Ledger:
    """What Postgres holds for a generation; an empty ledger before the first compaction. Raises psycopg2.Error."""
    with read_only(dsn_file) as cursor:
        tallies = rows(cursor, "ledger_tallies", generation=generation)
        ranges = tuple(LedgerRange(*row) for row in rows(cursor, "ledger_ranges", generation=generation, topic=topic))
    if not tallies:
        return Ledger(ranges=ranges)
    *counted, window_min = tallies[0]
    records, posts, control, dead, gaps, last_batch, unread = map(int, counted)
    window = timedelta(minutes=int(window_min or DEDUP_WINDOW_MIN))
    return Ledger(records, posts, control, dead, gaps, last_batch, unread, window, ranges)


def processed_at_lookup(ranges: Iterable[LedgerRange]) -> Callable[[int, int], float]:
    """When a record, by partition and offset, was first read by a batch: epoch seconds, 0 where no batch read it."""
    by_partition: dict[int, list[LedgerRange]] = defaultdict(list)
    for each in sorted(ranges, key=lambda each: (each.partition, each.from_offset)):
        if each.until_offset > each.from_offset:
            by_partition[each.partition].append(each)
    starts = {partition: [each.from_offset for each in found] for partition, found in by_partition.items()}

    def lookup(partition: int, offset: int) -> float:
        place = bisect_right(starts.get(partition, []), offset) - 1
        if place < 0 or offset >= by_partition[partition][place].until_offset:
            return 0.0
        return by_partition[partition][place].processed_at_s

    return lookup
