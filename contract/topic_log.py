"""What a topic still holds of what somebody has written to it, or read: its id, and how far its log is the same.

Offsets alone don't say it: a log that lost its tail (a power cut, an unclean election) and was filled up again by
another producer is as long as before. Kafka's leader epochs do (KIP-320): every leadership begins a new epoch at the
log's end, so what was cut away and filled up again is of a later epoch. Needs Describe on the topic, nothing more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from kafka import KafkaAdminClient
from kafka.errors import IncompatibleBrokerVersion, KafkaError, for_code
from kafka.protocol.consumer.offsets import OffsetForLeaderEpochRequest

from contract.kafka_client import PLAIN, KafkaClientConfig

NO_TOPIC_ID = "00000000-0000-0000-0000-000000000000"
_Topic = OffsetForLeaderEpochRequest.OffsetForLeaderTopic
_Asked = _Topic.OffsetForLeaderPartition


class LogUnknown(Exception):  # noqa: N818 - it says what is the matter
    """The broker doesn't say it now (no leader, a failover, a time-out, not allowed): ask again."""


class LogUnsupported(Exception):  # noqa: N818
    """This broker can't say it at all: its version doesn't know the requests."""


class LogEnd(NamedTuple):
    """A point in a partition's log.

    Attributes:
        offset: of the next record.
        epoch: the leader epoch at a moment when the log reached that far; None: not known.
    """

    offset: int
    epoch: int | None


@dataclass(frozen=True)
class TopicLog:
    """A topic's log as it is now.

    Attributes:
        topic_id: of this incarnation of the topic; None where the broker doesn't give one.
        ends: each partition's end and its leader's epoch.
        same_until: of the partitions that were asked about: up to this offset it is the log that had that epoch.
    """

    topic_id: str | None
    ends: Mapping[int, LogEnd]
    same_until: Mapping[int, int]

    def lost(self, known: Mapping[int, LogEnd]) -> dict[int, int]:
        """The partitions that lost what was before `known`, each with the offset up to which it is still there.

        Args:
            known: ends that were seen; their epochs must be those that this log was read with.
        """
        still = {partition: self.same_until.get(partition, 0) for partition in known}
        return {partition: until for partition, until in still.items() if until < known[partition].offset}


class TopicLogClient:
    """Asks the brokers; one connection for many questions. Not for several threads."""

    def __init__(self, bootstrap_servers: str, config: KafkaClientConfig = PLAIN, *, patience_s: float = 20.0) -> None:
        """Connects.

        Raises:
            LogUnknown: nobody answered within `patience_s`.
        """
        self._timeout_ms = int(patience_s * 1000)
        try:
            self._admin = KafkaAdminClient(
                bootstrap_servers=bootstrap_servers.split(","),
                bootstrap_timeout_ms=self._timeout_ms,
                request_timeout_ms=self._timeout_ms,
                **config.for_kafka_python(),
            )
        except (KafkaError, ValueError, OSError) as error:
            raise LogUnknown(f"no Kafka broker answers at {bootstrap_servers}: {error!r}") from error

    def read(self, topic: str, known: Mapping[int, LogEnd]) -> TopicLog:
        """The topic's log, and how far it is the one whose ends are `known`. An end without an epoch asks for today's.

        Raises:
            LogUnknown: it can't be said now.
            LogUnsupported: the brokers are too old for the questions.
        """
        try:
            return self._read(topic, known)
        except IncompatibleBrokerVersion as error:
            raise LogUnsupported(f"{topic}: the broker doesn't know leader epochs: {error!r}") from error
        except (KafkaError, OSError, KeyError) as error:
            raise LogUnknown(f"{topic}: {error!r}") from error

    def close(self) -> None:
        """Disconnects."""
        self._admin.close()

    def _read(self, topic: str, known: Mapping[int, LogEnd]) -> TopicLog:
        found = self._admin.describe_topics([topic])[0]
        _raise_for(topic, found["error_code"])
        leaders = {each["partition_index"]: each["leader_id"] for each in found["partitions"]}
        epochs = {each["partition_index"]: each["leader_epoch"] for each in found["partitions"]}
        asked = {
            partition: epochs[partition] if end.epoch is None else end.epoch
            for partition, end in known.items()
            if partition in epochs  # one that is gone holds nothing
        }
        now = self._ends_of(topic, leaders, epochs, epochs)
        earlier = {partition: epoch for partition, epoch in asked.items() if epoch != epochs[partition]}
        same_until = {partition: now[partition] for partition in asked} | self._ends_of(topic, leaders, epochs, earlier)
        topic_id = str(found.get("topic_id") or NO_TOPIC_ID)
        ends = {partition: LogEnd(offset, epochs[partition]) for partition, offset in now.items()}
        return TopicLog(None if topic_id == NO_TOPIC_ID else topic_id, ends, same_until)

    def _ends_of(
        self, topic: str, leaders: Mapping[int, int], current: Mapping[int, int], epochs: Mapping[int, int]
    ) -> dict[int, int]:
        """Where each partition's given epoch ends, or the last one before it; below 0: never heard of it.

        The leader refuses a `current` epoch that isn't its own: an answer belongs to that leadership.
        """
        by_leader: dict[int, list[int]] = defaultdict(list)
        for partition in epochs:
            by_leader[leaders[partition]].append(partition)
        ends: dict[int, int] = {}
        for leader, partitions in by_leader.items():
            if leader < 0:
                raise LogUnknown(f"{topic}{sorted(partitions)}: no leader at the moment")
            for each in self._ask(topic, leader, [(one, current[one], epochs[one]) for one in partitions]):
                _raise_for(f"{topic}[{each.partition}]", each.error_code)
                ends[each.partition] = each.end_offset
        return ends

    def _ask(self, topic: str, leader: int, asked: Iterable[tuple[int, int, int]]) -> list[Any]:
        partitions = [
            _Asked(partition=partition, current_leader_epoch=current, leader_epoch=epoch)
            for partition, current, epoch in asked
        ]
        request = OffsetForLeaderEpochRequest(
            replica_id=-1, topics=[_Topic(topic=topic, partitions=partitions)], min_version=2
        )
        manager = self._admin._manager  # the client has no public call for this request
        return list(manager.run(manager.send, request, leader, self._timeout_ms).topics[0].partitions)


def _raise_for(where: str, code: int) -> None:
    if code:
        raise LogUnknown(f"{where}: {for_code(code).__name__}")
