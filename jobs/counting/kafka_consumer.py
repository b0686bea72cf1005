"""Plain readers of Kafka, beside Spark: they belong to no group and commit nothing."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

from kafka import KafkaConsumer
from kafka.errors import KafkaError

from contract.kafka_client import KafkaClientConfig

_HINT = "(does it ask for TLS, or for a login? See --kafka-config)"
_FAILED = re.compile(r"(?:Connection|Bootstrap connection to \S+) failed: (.*?)(?: \(backoff .*)?", re.DOTALL)


def open_consumer(bootstrap_servers: str, login: KafkaClientConfig, patience_s: float) -> KafkaConsumer:
    """A connected one.

    Raises:
        ConnectionError: nobody took us in within `patience_s`; says why.
        ValueError, OSError: an invalid address.
    """
    with _reasons() as heard:
        try:
            return KafkaConsumer(
                bootstrap_servers=bootstrap_servers.split(","),
                bootstrap_timeout_ms=int(patience_s * 1000),
                allow_auto_create_topics=False,
                enable_auto_commit=False,
                **login.for_kafka_python(),
            )
        except KafkaError as error:
            raise ConnectionError(_told(heard) or f"{error} {_HINT}") from error


def _told(heard: list[str]) -> str:
    """The longest says most: a broker that refuses a password may also hang up first, or time runs out before it."""
    why = " ".join(max(heard, key=len, default="").split())
    return f"{why} {_HINT}" if "disconnected" in why or "Invalid frame" in why else why


@contextmanager
def _reasons() -> Iterator[list[str]]:
    """What kafka-python logs of failed connections: its own error says only that there was none."""
    heard: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if said := _FAILED.fullmatch(record.getMessage()):
                heard.append(said[1])

    logger, listener = logging.getLogger("kafka.net.manager"), Listener(logging.WARNING)
    level, propagate = logger.level, logger.propagate
    logger.addHandler(listener)
    logger.setLevel(logging.WARNING)
    logger.propagate = False  # a line each try; ours says it once
    try:
        yield heard
    finally:
        logger.removeHandler(listener)
        logger.setLevel(level)
        logger.propagate = propagate
