"""Which brokers are alive, and which of them are behind."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient

from stack.config.errors import StackError
from stack.observe.kafka_client import kafka_arguments


class BrokersAwayError(Exception):
    """No broker answers, or access is denied; the message is a few words."""


@dataclass(frozen=True)
class Brokers:
    """Kafka at one moment.

    Attributes:
        alive: advertised host names of the brokers that the controllers count as alive.
        behind: host name → number of the topic's partitions in which the broker is out of sync.
        partitions: of the topic.
    """

    alive: frozenset[str]
    behind: Mapping[str, int]
    partitions: int


def describe_brokers(bootstrap_servers: str, kafka_config: Path | None, topic: str, limit_s: float) -> Brokers:
    """Asks the first broker that answers.

    Raises:
        BrokersAwayError: none answers within the limit, or access is denied.
    """
    limit_ms = int(limit_s * 1000)
    try:
        with (
            quiet(),
            closing(
                KafkaAdminClient(
                    bootstrap_servers=bootstrap_servers.split(","),
                    request_timeout_ms=limit_ms,
                    bootstrap_timeout_ms=limit_ms,
                    **kafka_arguments(kafka_config),
                )
            ) as admin,
        ):
            return seen(admin.describe_cluster()["brokers"], admin.describe_topics([topic]))
    except StackError as error:
        raise BrokersAwayError(str(error)) from None
    except Exception as error:  # kafka-python raises a dozen kinds while brokers come and go
        raise BrokersAwayError(f"no answer ({type(error).__name__})") from None


def seen(brokers: list[dict[str, Any]], topics: list[dict[str, Any]]) -> Brokers:
    """Combines Kafka's two answers; a fenced broker is registered but not alive."""
    hosts = {each["broker_id"]: str(each["host"]) for each in brokers}
    alive = frozenset(hosts[each["broker_id"]] for each in brokers if not each.get("is_fenced"))
    partitions = [part for topic in topics for part in topic["partitions"]]
    lagging = (set(part["replica_nodes"]) - set(part["isr_nodes"]) for part in partitions)
    behind = Counter(hosts.get(broker, str(broker)) for part in lagging for broker in part)
    return Brokers(alive, behind, len(partitions))


@contextmanager
def quiet() -> Iterator[None]:
    """Suppresses kafka-python's log line for each try."""
    logger = logging.getLogger("kafka")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
