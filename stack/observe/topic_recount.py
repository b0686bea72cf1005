"""An independent recount of the topic: a plain Kafka consumer reads every record and counts distinct keys.

It imports no contract and opens no connection: whoever calls it hands it an open consumer.

A key of our collector names a post of any network (`x:…`, `jetstream:…`, `mastodon:…`), else the line. The collector's
own markers are counted separately: the marker for a line that was too large has the key of that line.
"""

import hashlib
import time
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from kafka import KafkaConsumer, TopicPartition

RECOUNT_LIMIT = 20_000_000
"""Above this many records keys are not recounted: the two columns would exceed 320 MB, before sorting."""
PATIENCE_S = 60.0
POLL_RECORDS = 5_000


class TopicError(Exception):
    """The topic could not be read; the message says which and why."""


@dataclass(frozen=True)
class PartitionRecount:
    """One partition: the first offset still kept, the offset after the last, and the records found between them."""

    earliest: int
    end: int
    records: int


@dataclass(frozen=True)
class TopicRecount:
    """What is in the topic.

    Attributes:
        partitions: by number.
        distinct: distinct keys; None where they were not recounted, `why_not` says why.
        repeats_beyond_window: repeats that came later than the dedup window; each may count as new.
        why_not: empty, or why `distinct` is None.
    """

    partitions: dict[int, PartitionRecount]
    distinct: int | None
    repeats_beyond_window: int = 0
    why_not: str = ""

    @property
    def records(self) -> int:
        """Readable records that are in the topic now."""
        return sum(each.records for each in self.partitions.values())

    @property
    def offsets(self) -> int:
        """Offsets from the first that is kept to the end; of a transaction some hold no readable record."""
        return sum(each.end - each.earliest for each in self.partitions.values())


class Identities:
    """An 8-byte hash and a time per record: 160 MB for 10 million records, one collision in 400,000 such audits."""

    def __init__(self) -> None:
        self._hashes = array("Q")
        self._times_s = array("d")

    def add(self, key: bytes, processed_at_s: float) -> None:
        """One record: its key, and when the batch that read it began (epoch seconds)."""
        self._hashes.append(int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "little"))
        self._times_s.append(processed_at_s)

    def count(self, window_s: float) -> tuple[int, int]:
        """Distinct keys, and how many repeats came later than the dedup window after a key's first record (at most)."""
        columns = [
            pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])
            for kind, values in ((pa.uint64(), self._hashes), (pa.float64(), self._times_s))
        ]
        keys = (
            pa.table(columns, names=["key", "time"])
            .group_by("key")
            .aggregate([("time", "min"), ("time", "max"), ("time", "count")])
        )
        far_apart = keys.filter(pc.greater(pc.subtract(keys["time_max"], keys["time_min"]), window_s))
        repeats = pc.sum(far_apart["time_count"]).as_py() or 0
        return keys.num_rows, int(repeats) - far_apart.num_rows


def end_offsets(consumer: KafkaConsumer, topic: str) -> dict[int, int]:
    """The offset after the last record of each partition. Raises TopicError."""
    ends = consumer.end_offsets(_partitions(consumer, topic))
    return {each.partition: int(end) for each, end in ends.items()}


def recount_topic(
    consumer: KafkaConsumer,
    topic: str,
    processed_at: Callable[[int, int], float],
    window_s: float,
    limit: int = RECOUNT_LIMIT,
) -> TopicRecount:
    """Read the topic from its first record to what is its end now.

    Args:
        consumer: open, of no group, with nothing assigned; it reads what is committed, as the streaming job does.
        topic: the topic's name.
        processed_at: partition, offset → when the batch that read it began, epoch seconds.
        window_s: how long, in processing time, repeats are recognised.
        limit: records above which identities are not recounted.

    Raises:
        TopicError: the topic isn't there, or nothing came for a minute.
    """
    partitions = _partitions(consumer, topic)
    starts, ends = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
    found = dict.fromkeys(partitions, 0)
    identities, why_not = Identities(), ""
    if sum(ends[each] - starts[each] for each in partitions) > limit:
        why_not = f"more than {limit:,} records"
    elif any(starts.values()):
        why_not = "the topic's retention has removed its first records"
    for partition, offset, key, ours in _records(consumer, starts, ends):
        found[partition] += 1
        if not (ours and key):
            why_not = why_not or "some records are not from our collector: their identity is in the value"
        if not why_not:
            identities.add(key, processed_at(partition.partition, offset))
    counted = {each.partition: PartitionRecount(int(starts[each]), int(ends[each]), found[each]) for each in partitions}
    if why_not:
        return TopicRecount(counted, None, 0, why_not)
    return TopicRecount(counted, *identities.count(window_s))


def _partitions(consumer: KafkaConsumer, topic: str) -> list[TopicPartition]:
    numbers = consumer.partitions_for_topic(topic)
    if not numbers:
        raise TopicError(f"Kafka has no topic {topic}, or this login may not see it")
    return [TopicPartition(topic, number) for number in sorted(numbers)]


def _identity(key: bytes | None, headers: dict[str, bytes]) -> bytes:
    """The record's key, prefixed for a marker: a dead line must not hide a good post of the same key."""
    return b"hashtide " + key if key and headers.get("dialect") == b"hashtide" else key or b""


def _records(
    consumer: KafkaConsumer, starts: dict[TopicPartition, int], ends: dict[TopicPartition, int]
) -> Iterable[tuple[TopicPartition, int, bytes, bool]]:
    """Each record before `ends`: partition, offset, key (empty if it has none), whether our collector sent it."""
    waiting = {each for each in ends if ends[each] > starts[each]}
    if not waiting:
        return
    consumer.assign(sorted(waiting))
    consumer.seek_to_beginning()
    heard_at = time.monotonic()
    while waiting:
        polled = consumer.poll(timeout_ms=1000, max_records=POLL_RECORDS)
        if polled:
            heard_at = time.monotonic()
        elif time.monotonic() - heard_at > PATIENCE_S:
            raise TopicError(f"Kafka sent nothing of {sorted(waiting)} for {PATIENCE_S:.0f} s")
        for partition, records in polled.items():
            for record in records:
                if record.offset < ends[partition]:
                    headers = dict(record.headers)
                    yield partition, record.offset, _identity(record.key, headers), "collector" in headers
        # By position, not by what was seen: a compacted or transactional topic may end in offsets without a record.
        waiting -= {each for each in waiting if consumer.position(each) >= ends[each]}
