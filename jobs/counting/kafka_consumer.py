"""Opens kafka-python consumers without a group, which commit nothing and read what is committed; a failure says why."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

from kafka import KafkaConsumer
from kafka.errors import KafkaError

from contract.kafka_client import KafkaClientConfig

_HINT = "(does it ask for TLS, or for a login? See --kafka-config)"
_FAILED = re.compile(r"(?:Connection|Bootstrap connection to \S+) failed: (.*?)(?: \(backoff .*)?", re.DOTALL)


def open_consumer(bootstrap_servers: str, config: KafkaClientConfig, patience_s: float) -> KafkaConsumer:
    """A connected consumer.

    Raises:
        ConnectionError: no broker accepted the connection within `patience_s`; the message says why.
        ValueError, OSError: an invalid address.
    """
    with _reasons() as heard:
        try:
            return KafkaConsumer(
                bootstrap_servers=bootstrap_servers.split(","),
                bootstrap_timeout_ms=int(patience_s * 1000),
                allow_auto_create_topics=False,
                enable_auto_commit=False,
                isolation_level="read_committed",  # a transaction's records, once it is committed
                **config.for_kafka_python(),
            )
        except KafkaError as error:
            raise ConnectionError(_reason(heard) or f"{error} {_HINT}") from error


def _reason(heard: list[str]) -> str:
    """The longest message says most: a broker that rejects a password may also hang up first, or time out."""
    why = " ".join(max(heard, key=len, default="").split())
    return f"{why} {_HINT}" if "disconnected" in why or "Invalid frame" in why else why


@contextmanager
def _reasons() -> Iterator[list[str]]:
    """Collects why connections failed from kafka-python's log: its own error says only that they did."""
    heard: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if failed := _FAILED.fullmatch(record.getMessage()):
                heard.append(failed[1])

    logger, listener = logging.getLogger("kafka.net.manager"), Listener(logging.WARNING)
    level, propagate = logger.level, logger.propagate
    logger.addHandler(listener)
    logger.setLevel(logging.WARNING)
    logger.propagate = False  # a line for each try; we report it once
    try:
        yield heard
    finally:
        logger.removeHandler(listener)
        logger.setLevel(level)
        logger.propagate = propagate
