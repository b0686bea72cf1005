"""Asks the broker about the topic, before Spark reads it."""

import json

from kafka import TopicPartition
from kafka.errors import KafkaError

from contract.kafka_client import PLAIN, KafkaClientConfig
from counting.kafka_consumer import open_consumer
from counting.settings import EARLIEST

LATEST = "latest"

PATIENCE_S = 20.0


class TopicUnreadable(Exception):  # noqa: N818 - it states a condition
    """The topic can't be read as asked; the message says why and what to do."""


def resolve_starting_offsets(
    bootstrap_servers: str, topic: str, starting_offsets: str, login: KafkaClientConfig = PLAIN
) -> str:
    """The first offset of each partition, as the JSON that Spark's Kafka source wants.

    Spark's own `earliest` is resolved again where the broker's first answer is empty (SPARK-41375); a generation's
    start is part of the books and is fixed here instead.

    Raises:
        TopicUnreadable: no broker answers, the topic does not exist, or the offsets don't fit it.
    """
    earliest, latest = _bounds(bootstrap_servers, topic, login)
    if starting_offsets == EARLIEST:
        wanted = earliest
    elif starting_offsets == LATEST:
        wanted = latest
    else:
        wanted = {int(partition): int(offset) for partition, offset in json.loads(starting_offsets).items()}
        _check(topic, wanted, earliest, latest)
    return json.dumps({topic: {str(partition): offset for partition, offset in sorted(wanted.items())}})


def require_topic(bootstrap_servers: str, topic: str, login: KafkaClientConfig = PLAIN) -> None:
    """Raises TopicUnreadable where no broker answers or the topic does not exist."""
    _bounds(bootstrap_servers, topic, login)


def _bounds(bootstrap_servers: str, topic: str, login: KafkaClientConfig) -> tuple[dict[int, int], dict[int, int]]:
    try:
        consumer = open_consumer(bootstrap_servers, login, PATIENCE_S)
    except (KafkaError, ValueError, OSError) as error:
        raise TopicUnreadable(f"no Kafka broker answers at {bootstrap_servers}: {error}") from error
    try:
        if topic not in consumer.topics():
            raise TopicUnreadable(
                f"topic '{topic}' does not exist on {bootstrap_servers}: create it, or start the collector"
                + (" (or this login may not see it: allow it to describe and read it)" if login.settings else "")
            )
        partitions = [TopicPartition(topic, each) for each in sorted(consumer.partitions_for_topic(topic) or ())]
        first, last = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
    except (KafkaError, ValueError, OSError) as error:
        raise TopicUnreadable(f"Kafka at {bootstrap_servers} gave no offsets of '{topic}': {error!r}") from error
    finally:
        consumer.close()
    return {each.partition: first[each] for each in partitions}, {each.partition: last[each] for each in partitions}


def _check(topic: str, wanted: dict[int, int], earliest: dict[int, int], latest: dict[int, int]) -> None:
    if wanted.keys() != earliest.keys():
        raise TopicUnreadable(f"--starting-offsets names partitions {sorted(wanted)}, '{topic}' has {sorted(earliest)}")
    for partition, offset in wanted.items():
        if not earliest[partition] <= offset <= latest[partition]:
            raise TopicUnreadable(
                f"--starting-offsets: {topic}[{partition}]@{offset} is not between "
                f"{earliest[partition]} and {latest[partition]}"
            )
