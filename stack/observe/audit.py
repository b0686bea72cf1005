"""The audit: what became of every line that the collector read, checked against the topic itself.

Only the figures under test come from Spark and the compaction: the topic is read by a plain Kafka consumer, the lines
are the collector's own tally. So the audit can fail.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stack.config.endpoints import Endpoints
from stack.observe.kafka_client import open_consumer
from stack.observe.ledger import Ledger, LedgerRange, processed_at_lookup, read_ledger
from stack.observe.topic_recount import TopicRecount, recount_topic


@dataclass(frozen=True)
class Books:
    """The three tallies side by side: the collector's, the topic's, Postgres'.

    Attributes:
        lines_read: lines that the collector took from its sources, over the spool's life.
        topic: what a plain consumer found in the topic.
        ledger: what Postgres holds.
    """

    lines_read: int
    topic: TopicRecount
    ledger: Ledger

    @property
    def sent_again(self) -> int:
        """Records that the collector sent a second time after a crash; gap events are not lines."""
        return self.ledger.records - self.ledger.unread - self.lines_read - self.ledger.gaps

    @property
    def duplicate(self) -> int:
        """Records whose key was there before, including those sent again."""
        return self.ledger.records - self.ledger.unread - self.ledger.kept

    def problems(self) -> list[str]:
        """Why the books don't balance, one sentence each; empty if they do."""
        return [*self._coverage_problems(), *self._tally_problems(), *self._identity_problems()]

    def _coverage_problems(self) -> list[str]:
        by_partition: dict[int, list[LedgerRange]] = defaultdict(list)
        for each in self.ledger.ranges:
            if each.until_offset > each.from_offset:
                by_partition[each.partition].append(each)
        problems = []
        for partition, part in sorted(self.topic.partitions.items()):
            ranges = sorted(by_partition.pop(partition, []), key=lambda each: each.from_offset)
            problems += [
                f"partition {partition}: {problem}" for problem in _range_problems(ranges, part.earliest, part.end)
            ]
        return problems + [f"partition {partition} is in the ledger but not in the topic" for partition in by_partition]

    def _tally_problems(self) -> list[str]:
        ledger, problems = self.ledger, []
        in_ranges = sum(each.until_offset - each.from_offset for each in ledger.ranges)
        if ledger.records != in_ranges:
            problems.append(f"the batches say {ledger.records:,} records, their offset ranges {in_ranges:,}")
        removed = self._removed_since()
        in_topic = self.topic.offsets + removed
        if ledger.records != in_topic:
            problems.append(f"{ledger.records:,} records are counted, the topic has held {in_topic:,}")
        unread = self.topic.offsets - self.topic.records
        if not unread <= ledger.unread <= unread + removed:
            problems.append(
                f"{unread:,} offsets of the topic hold no readable record, the books have {ledger.unread:,} of them"
            )
        if self.sent_again < 0:
            problems.append(f"{-self.sent_again:,} of {self.lines_read:,} lines read are not in the topic")
        return problems

    def _removed_since(self) -> int:
        """Records that batches have read and the topic's retention has removed since."""
        first: dict[int, int] = {}
        for each in self.ledger.ranges:
            first[each.partition] = min(first.get(each.partition, each.from_offset), each.from_offset)
        parts = self.topic.partitions.items()
        return sum(max(part.earliest - first.get(number, part.earliest), 0) for number, part in parts)

    def _identity_problems(self) -> list[str]:
        distinct = self.topic.distinct
        if distinct is None:
            return []
        most = distinct + self.topic.repeats_beyond_window
        if distinct <= self.ledger.kept <= most:
            return []
        expected = f"{distinct:,}" if most == distinct else f"{distinct:,} to {most:,}"
        return [f"{self.ledger.kept:,} records are counted or listed, the topic holds {expected} distinct keys"]


def _range_problems(ranges: Sequence[LedgerRange], earliest: int, end: int) -> Iterable[str]:
    """Holes, overlaps and missing ends of one partition's sorted, non-empty ranges against [earliest, end)."""
    reached = min(earliest, ranges[0].from_offset) if ranges else earliest
    for each in ranges:
        if each.from_offset > reached:
            yield f"offsets {reached} to {each.from_offset} were never counted"
        if each.from_offset < reached:
            yield f"offsets {each.from_offset} to {min(reached, each.until_offset)} were counted twice"
        reached = max(reached, each.until_offset)
    if reached < end:
        yield f"offsets {reached} to {end} were never counted"
    if reached > end:
        yield f"counted up to offset {reached}, but the topic ends at {end}"


def close_the_books(endpoints: Endpoints, generation: int, lines_read: int) -> Books:
    """Reads all three tallies. The whole topic is read: minutes for millions of records, 16 bytes of memory each."""
    ledger = read_ledger(endpoints.reader_dsn_file, generation, endpoints.topic)
    with open_consumer(endpoints.bootstrap_servers, endpoints.kafka_config) as consumer:
        recount = recount_topic(
            consumer, endpoints.topic, processed_at_lookup(ledger.ranges), ledger.dedup_window.total_seconds()
        )
    return Books(lines_read, recount, ledger)
