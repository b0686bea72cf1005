"""What the topic holds now."""

from datetime import UTC, datetime
from typing import NamedTuple

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from contract.job import JobFailedError
from contract.kafka_client import KafkaClientConfig
from counting.kafka_consumer import open_consumer

PATIENCE_S = 20.0


class Held(NamedTuple):
    """The records of one partition: [first, end), and the time of the first (None: there is none)."""

    first: int
    end: int
    since: datetime | None


def held(bootstrap_servers: str, topic: str, login: KafkaClientConfig) -> dict[int, Held]:
    """What each partition holds.

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
