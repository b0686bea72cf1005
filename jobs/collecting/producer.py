"""The Kafka producer as the publisher wants it. See docs/decisions.md, Collect, for what was measured."""

from dataclasses import dataclass
from typing import Protocol

from kafka import KafkaProducer
from kafka.producer.future import FutureRecordMetadata


@dataclass(frozen=True)
class Settings:
    """How records go to the broker. The figures behind the defaults are in bench/README.md.

    Attributes:
        bootstrap_servers: `host:port`, several with commas.
        in_flight_records, in_flight_bytes: what may be sent and not yet acknowledged; kafka-python has no bound.
        batch_bytes: one batch of a partition, before compression.
        max_request_bytes: a record above it is not tried.
        delivery_timeout_s: after it a record's future fails, and everything from there on is sent anew.
    """

    bootstrap_servers: str
    topic: str
    in_flight_records: int = 20_000
    in_flight_bytes: int = 32 * 1024 * 1024
    batch_bytes: int = 256 * 1024
    linger_ms: int = 20
    compression: str | None = "lz4"
    max_request_bytes: int = 4 * 1024 * 1024
    delivery_timeout_s: float = 120
    request_timeout_s: float = 30
    connect_timeout_s: float = 5


class Producer(Protocol):
    """What of KafkaProducer is used."""

    def send(
        self, topic: str, value: bytes, key: bytes, headers: list[tuple[str, bytes]], partition: int
    ) -> FutureRecordMetadata:
        """Queues a record; the future says what became of it."""
        ...

    def partitions_for(self, topic: str) -> set[int]:
        """The topic's partitions."""
        ...

    def close(self, timeout: float) -> None:
        """Ends it; what is not acknowledged within the timeout (seconds) fails."""
        ...


def kafka_producer(settings: Settings) -> Producer:
    """An idempotent producer that waits for all replicas.

    Raises:
        KafkaError: no broker answers within the connect timeout.
    """
    producer: Producer = KafkaProducer(
        bootstrap_servers=settings.bootstrap_servers.split(","),
        client_id="hashtide-collect",
        acks="all",
        enable_idempotence=True,
        compression_type=settings.compression,
        batch_size=settings.batch_bytes,
        linger_ms=settings.linger_ms,
        max_request_size=settings.max_request_bytes,
        delivery_timeout_ms=int(settings.delivery_timeout_s * 1000),
        request_timeout_ms=int(settings.request_timeout_s * 1000),
        max_block_ms=int(settings.connect_timeout_s * 1000),
        bootstrap_timeout_ms=int(settings.connect_timeout_s * 1000),
        reconnect_backoff_max_ms=5_000,
        allow_auto_create_topics=False,
        metrics_enabled=False,  # nobody reads them, and they cost time per request
    )
    return producer
