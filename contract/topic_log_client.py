"""Asks the brokers for a topic's log (`contract.topic_log`). Needs Describe on the topic, nothing more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import IncompatibleBrokerVersion, KafkaError, for_code
from kafka.protocol.consumer.offsets import ListOffsetsRequest, OffsetForLeaderEpochRequest, OffsetSpec

from contract.kafka_client import PLAIN, KafkaClientConfig
from contract.topic_log import Ends, LogEnd, TopicLog

NO_TOPIC_ID = "00000000-0000-0000-0000-000000000000"
_EpochTopic = OffsetForLeaderEpochRequest.OffsetForLeaderTopic
_EndTopic = ListOffsetsRequest.ListOffsetsTopic


class LogUnknown(Exception):  # noqa: N818 - it says what is the matter
    """The broker doesn't say it now (no leader, a failover, a time-out, not allowed): ask again."""


class LogUnsupported(Exception):  # noqa: N818
    """This broker can't say it at all: its version doesn't know the requests."""


class TopicLogClient:
    """One connection for many questions. Not for several threads at once."""

    def __init__(self, bootstrap_servers: str, config: KafkaClientConfig = PLAIN, *, patience_s: float = 20.0) -> None:
        """Connects; one question takes `patience_s` at most.

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

    def read(self, topic: str, known: Ends) -> TopicLog:
        """The topic's log, and how far it is the one whose ends are `known`.

        Of an end without an epoch it can only be said whether the log is as long as that.

        Raises:
            LogUnknown: it can't be said now.
            LogUnsupported: the brokers are too old for the questions.
        """
        try:
            return self._read(topic, known)
        except IncompatibleBrokerVersion as error:
            raise LogUnsupported(f"{topic}: the broker doesn't know leader epochs: {error!r}") from error
        except (KafkaError, OSError) as error:
            raise LogUnknown(f"{topic}: {error!r}") from error

    def close(self) -> None:
        """Disconnects."""
        self._admin.close()

    def _read(self, topic: str, known: Ends) -> TopicLog:
        found = self._admin.describe_topics([topic])[0]
        _raise_for(topic, found["error_code"])
        partitions = {each["partition_index"]: each for each in found["partitions"]}
        leaders = {partition: each["leader_id"] for partition, each in partitions.items()}
        epochs = {partition: each["leader_epoch"] for partition, each in partitions.items()}
        now = self._ask(leaders, list(partitions), lambda each: _ends(topic, each, epochs))
        earlier = {
            partition: end.epoch
            for partition, end in known.items()
            if partition in epochs and end.epoch not in (None, epochs[partition])
        }
        ended = self._ask(leaders, list(earlier), lambda each: _ends_of_epochs(topic, each, epochs, earlier))
        topic_id = str(found.get("topic_id") or NO_TOPIC_ID)
        return TopicLog(
            topic_id=None if topic_id == NO_TOPIC_ID else topic_id,
            ends={partition: LogEnd(offset, epochs[partition]) for partition, offset in now.items()},
            same_until={partition: ended.get(partition, now[partition]) for partition in known if partition in now},
        )

    def _ask(
        self, leaders: Mapping[int, int], partitions: Iterable[int], request: Callable[[list[int]], Any]
    ) -> dict[int, int]:
        """Sends each leader the request about its partitions; each partition's offset in the answers."""
        by_leader: dict[int, list[int]] = defaultdict(list)
        for partition in partitions:
            by_leader[leaders[partition]].append(partition)
        if -1 in by_leader:
            raise LogUnknown(f"partitions {sorted(by_leader[-1])} have no leader at the moment")
        manager = self._admin._manager  # the client has no public call for these requests
        offsets: dict[int, int] = {}
        for leader, its in by_leader.items():
            for answer in manager.run(manager.send, request(its), leader, self._timeout_ms).topics[0].partitions:
                partition, offset = _answered(answer)
                _raise_for(f"partition {partition}", answer.error_code)
                offsets[partition] = offset
        return offsets


# A leader refuses a `current_leader_epoch` that isn't its own: its answer belongs to that leadership.


def _ends(topic: str, partitions: list[int], epochs: Mapping[int, int]) -> ListOffsetsRequest:
    """Asks for the end of each partition. From version 5 on a new leader answers only when it knows (KIP-207)."""
    asked = [
        _EndTopic.ListOffsetsPartition(
            partition_index=partition, current_leader_epoch=epochs[partition], timestamp=OffsetSpec.LATEST
        )
        for partition in partitions
    ]
    return ListOffsetsRequest(
        replica_id=-1, isolation_level=0, topics=[_EndTopic(name=topic, partitions=asked)], min_version=5
    )


def _ends_of_epochs(
    topic: str, partitions: list[int], epochs: Mapping[int, int], earlier: Mapping[int, int | None]
) -> OffsetForLeaderEpochRequest:
    """Asks where an earlier epoch ended; the answer is below 0 where the log never had it."""
    asked = [
        _EpochTopic.OffsetForLeaderPartition(
            partition=partition, current_leader_epoch=epochs[partition], leader_epoch=earlier[partition]
        )
        for partition in partitions
    ]
    return OffsetForLeaderEpochRequest(
        replica_id=-1, topics=[_EpochTopic(topic=topic, partitions=asked)], min_version=2
    )


def _answered(answer: Any) -> tuple[int, int]:
    if hasattr(answer, "end_offset"):
        return answer.partition, answer.end_offset
    return answer.partition_index, answer.offset


def _raise_for(where: str, code: int) -> None:
    if code:
        raise LogUnknown(f"{where}: {for_code(code).__name__}")
