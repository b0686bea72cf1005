"""Opens Kafka clients for the stack's own readers, by the Kafka client configuration.

The recount reads with a consumer that is opened here: it imports nothing that the collector or a job reads with.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer

from contract.kafka_client import KafkaConfigError, read_kafka_config
from stack.config.errors import StackError


def kafka_arguments(kafka_config: Path | None) -> dict[str, Any]:
    """kafka-python's arguments for a configuration file; a plain connection without one.

    Raises:
        StackError: the file cannot be used; the message names it, but no value from it.
    """
    try:
        return read_kafka_config(kafka_config).for_kafka_python()
    except KafkaConfigError as error:
        raise StackError(str(error)) from None


@contextmanager
def open_consumer(bootstrap_servers: str, kafka_config: Path | None = None) -> Iterator[KafkaConsumer]:
    """A consumer without a group, which commits nothing and reads only what is committed; closed at the end.

    Args:
        bootstrap_servers: `host:port,…`.
        kafka_config: the Kafka client configuration's file; None for a plain connection.

    Raises:
        StackError: the file cannot be used.
        kafka.errors.KafkaError: no broker answers.
    """
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap_servers.split(","),
        group_id=None,
        enable_auto_commit=False,
        isolation_level="read_committed",  # as the streaming job: a transaction's records count once it is committed
        max_partition_fetch_bytes=8 << 20,
        **kafka_arguments(kafka_config),
    )
    with closing(consumer):
        yield consumer
