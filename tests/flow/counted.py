"""What was counted, as Postgres and the topic have it: read, and not understood by any code of the product."""

import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from tests.flow.reading.records import TopicRecord
from tests.flow.recount import Key, Said

TOPIC = "posts"
Batches = dict[int, list[tuple[int, datetime]]]
"""Partition → (until_offset, processed_at), ascending."""


class Counted(ABC):
    """A stack's Postgres, whatever the way to it."""

    @abstractmethod
    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """What Postgres answers the role that only reads."""

    def counts(self) -> dict[Key, tuple[int, int]]:
        """count_bucket, summed over arrival."""
        found = self.query(
            "select metric, bucket, source, lang, term, sum(posts)::bigint, sum(reposts)::bigint"
            " from count_bucket where generation = 1 group by 1, 2, 3, 4, 5"
        )
        return {(row[0], row[1].astimezone(UTC), *row[2:5]): (row[5], row[6]) for row in found}

    def control_messages(self) -> Counter[Said]:
        """control_message, summed over arrival."""
        found = self.query(
            "select bucket, source, kind, about, sum(messages)::bigint from control_message where generation = 1"
            " group by 1, 2, 3, 4"
        )
        return Counter({(row[0].astimezone(UTC), *row[1:4]): row[4] for row in found})

    def said_gaps(self) -> set[tuple[str, datetime | None, str]]:
        """Gaps that control messages said: source, minute, why."""
        found = self.query("select source, gap_from, why from collection_gap where generation = 1 and notes = 0")
        return {(source, at and at.astimezone(UTC), why) for source, at, why in found}

    def dead_letters(self) -> dict[str, str]:
        """Place → reason."""
        found = self.query("select topic, partition, record_offset, reason from dead_letter where generation = 1")
        return {f"{topic}[{partition}]@{offset}": reason for topic, partition, offset, reason in found}

    def batches(self) -> Batches:
        """When each batch of the ledger began."""
        found = self.query(
            "select r.partition, r.until_offset, l.processed_at from offset_range r"
            " join batch_ledger l using (generation, batch_id) where generation = 1 order by 1, 2"
        )
        batches: Batches = {}
        for partition, until_offset, processed_at in found:
            batches.setdefault(partition, []).append((until_offset, processed_at.astimezone(UTC)))
        return batches


def read_topic(consumer: KafkaConsumer, batches: Batches) -> Iterator[TopicRecord]:
    """The whole topic, partition by partition, each record with the time of the batch that the ledger names."""
    for number in sorted(consumer.partitions_for_topic(TOPIC) or ()):
        partition = TopicPartition(TOPIC, number)
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        end = consumer.end_offsets([partition])[partition]
        waiting = iter(batches.get(number, []))
        until_offset, processed_at = 0, datetime(1970, 1, 1, tzinfo=UTC)
        deadline = time.monotonic() + 300
        while consumer.position(partition) < end:
            assert time.monotonic() < deadline, f"{partition} can't be read to its end {end}"
            for record in consumer.poll(timeout_ms=1000, max_records=5000).get(partition, []):
                while record.offset >= until_offset:
                    until_offset, processed_at = next(waiting)
                place = f"{TOPIC}[{number}]@{record.offset}"
                headers = dict(record.headers)
                yield TopicRecord(place, record.key, record.value, headers, record.timestamp, processed_at)
