"""What the topic holds now, and how far it is still the one that was counted."""

import logging
from datetime import UTC, datetime
from typing import NamedTuple

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from contract.job import JobFailedError
from contract.kafka_client import KafkaClientConfig
from contract.topic_log import LogEnd
from contract.topic_log_client import LogUnknown, LogUnsupported, TopicLogClient
from counting.kafka_consumer import open_consumer

PATIENCE_S = 20.0

log = logging.getLogger(__name__)


class Held(NamedTuple):
    """The records of one partition: [first, end).

    Attributes:
        first: the first offset.
        end: of the next record.
        since: the time of the first record; None: there is none.
        same_until: up to this offset it is the log that was counted; None: not known.
    """

    first: int
    end: int
    since: datetime | None
    same_until: int | None = None


class Counted(NamedTuple):
    """What was counted: the topic's id (empty: not known), and the end of each partition."""

    topic_id: str
    ends: dict[int, LogEnd]


def held(bootstrap_servers: str, topic: str, login: KafkaClientConfig, counted: Counted) -> dict[int, Held]:
    """What each partition holds.

    Raises:
        JobFailedError: no broker answers, or the topic does not exist.
    """
    same_until = _same_until(bootstrap_servers, topic, login, counted)
    found = _held(bootstrap_servers, topic, login)
    return {partition: each._replace(same_until=same_until.get(partition)) for partition, each in found.items()}


def _same_until(bootstrap_servers: str, topic: str, login: KafkaClientConfig, counted: Counted) -> dict[int, int]:
    try:
        client = TopicLogClient(bootstrap_servers, login, patience_s=PATIENCE_S)
        try:
            now = client.read(topic, counted.ends)
        finally:
            client.close()
    except LogUnsupported as error:
        log.warning("it can't be seen whether the topic was made anew: %s", error)
        return {}
    except LogUnknown as error:
        raise JobFailedError(f"Kafka at {bootstrap_servers}: {error}") from error
    if counted.topic_id and now.topic_id and counted.topic_id != now.topic_id:
        return dict.fromkeys(counted.ends, 0)
    return {partition: max(until, 0) for partition, until in now.same_until.items()}


def _held(bootstrap_servers: str, topic: str, login: KafkaClientConfig) -> dict[int, Held]:
    """What each partition holds, by offsets alone.

    Raises:
        JobFailedError: no broker answers, or the topic does not exist.
    """
    try:
        consumer = open_consumer(bootstrap_servers, login, PATIENCE_S)
    except (KafkaError, ValueError, OSError) as error:
        raise JobFailedError(f"no Kafka broker answers at {bootstrap_servers}: {error}") from error
    try:
        partitions = [TopicPartition(topic, each) for each in sorted(consumer.partitions_for_topic(topic) or ())]
        if not partitions:
            raise JobFailedError(f"topic '{topic}' does not exist on {bootstrap_servers}")
        first, end = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
        return {
            each.partition: Held(first[each], end[each], _since(consumer, each) if end[each] > first[each] else None)
            for each in partitions
        }
    except (KafkaError, OSError) as error:
        raise JobFailedError(f"Kafka at {bootstrap_servers} gave no offsets of '{topic}': {error!r}") from error
    finally:
        consumer.close()


def _since(consumer: KafkaConsumer, partition: TopicPartition) -> datetime | None:
    consumer.assign([partition])
    consumer.seek_to_beginning(partition)
    for records in consumer.poll(timeout_ms=int(PATIENCE_S * 1000), max_records=1).values():
        return datetime.fromtimestamp(records[0].timestamp / 1000, UTC)
    return None
