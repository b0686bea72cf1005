"""The Kafka producer as the publisher wants it. docs/decisions/0016 has what was measured."""

import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from confluent_kafka import KafkaError, KafkaException, Message
from confluent_kafka import Producer as Librdkafka

Headers = list[tuple[str, str | bytes | None]]  # as confluent-kafka has it; ours are all bytes
OnDelivery = Callable[[KafkaError | None, Message], None]
# Below "kafka", so that who quietens that one hears nothing of librdkafka either.
_log = logging.getLogger("kafka.librdkafka")
# A connection that ends without a word: mostly TLS where we are plain, or the other way round.
_HINT = "does it ask for TLS, or for a login? See --kafka-config"
# The cluster's: an idempotent producer that may write to no topic at all.
_FORBIDDEN = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED)


class Unavailable(Exception):  # noqa: N818 - it says what is the matter
    """No broker takes our records: nobody answers, the name does not resolve, or the topic is not there (or not so)."""


class TooLarge(Exception):  # noqa: N818
    """The broker refuses a record, or the batch that it went in, for its size."""


@dataclass(frozen=True)
class Settings:
    """How records go to the broker. The figures behind the defaults are in bench/README.md.

    Attributes:
        bootstrap_servers: `host:port`, several with commas.
        login: who we are to the brokers, in librdkafka's words (docs/contracts.md, "A Kafka client's file").
        in_flight_records, in_flight_bytes: what may be sent and not yet acknowledged. It bounds the memory.
        batch_bytes, batch_records: one batch of a partition, before compression.
        max_request_bytes: a record above it is not tried.
        delivery_timeout_s: after it a record counts as failed, and everything from there on is sent anew.
    """

    bootstrap_servers: str
    topic: str
    login: Mapping[str, str] = field(default_factory=dict, repr=False)
    in_flight_records: int = 20_000
    in_flight_bytes: int = 8 * 1024 * 1024
    batch_bytes: int = 256 * 1024
    batch_records: int = 10_000
    linger_ms: int = 20
    compression: str | None = "lz4"
    max_request_bytes: int = 4 * 1024 * 1024
    delivery_timeout_s: float = 120
    request_timeout_s: float = 30
    connect_timeout_s: float = 5

    def for_librdkafka(self) -> dict[str, str | int | bool]:
        """The same in its words, and what does not change: all replicas, each record once in the life of a producer."""
        return {
            **self.login,
            "bootstrap.servers": self.bootstrap_servers,
            "client.id": "hashtide-collect",
            "acks": "all",
            "enable.idempotence": True,
            "compression.type": self.compression or "none",
            "batch.size": self.batch_bytes,
            "batch.num.messages": self.batch_records,
            "linger.ms": self.linger_ms,
            "message.max.bytes": self.max_request_bytes,
            "message.timeout.ms": int(self.delivery_timeout_s * 1000),
            "request.timeout.ms": int(self.request_timeout_s * 1000),
            "socket.timeout.ms": int(self.request_timeout_s * 1000),
            "socket.connection.setup.timeout.ms": int(self.connect_timeout_s * 1000),
            "reconnect.backoff.max.ms": 5_000,
            # Never reached: the publisher's window is smaller. Its own bound blocks nobody, it refuses.
            "queue.buffering.max.messages": 2 * self.in_flight_records + 1000,
            "queue.buffering.max.kbytes": 2 * (self.in_flight_bytes + self.max_request_bytes) // 1024,
        }


class Topic(NamedTuple):
    """What the broker says of our topic.

    Attributes:
        cluster_id: of the cluster that it is in; None where the broker does not say.
    """

    partitions: int
    cluster_id: str | None


class Producer(Protocol):
    """What the publisher needs of one.

    Attributes:
        complaint: what went wrong last between it and the brokers, one line; it goes on trying. None: nothing yet.
    """

    complaint: str | None

    def topic(self) -> Topic:
        """Looks the topic up.

        Raises:
            Unavailable: nobody answers, or it is not there.
        """
        ...

    def send(self, value: bytes, key: bytes, headers: Headers, partition: int, on_delivery: OnDelivery) -> None:
        """Queues a record; `on_delivery` is called from `poll`, in the order of the partition's records.

        Raises:
            TooLarge: above `max_request_bytes`.
            Unavailable: the topic is gone, or has fewer partitions now.
        """
        ...

    def poll(self, timeout_s: float) -> None:
        """Waits until something is acknowledged or has failed, at most so long, and tells who sent it.

        Raises:
            Unavailable: it is at its end, a new one may do better.
        """
        ...

    def close(self) -> None:
        """Ends it at once; what is not acknowledged may or may not be in the topic."""
        ...


def failure(error: KafkaError) -> TooLarge | Unavailable:
    """What a delivery's error means for the publisher."""
    words = " ".join(error.str().split())
    if error.code() in _FORBIDDEN:
        words = f"this login may not write here: {words}"
    return TooLarge(words) if error.code() == KafkaError.MSG_SIZE_TOO_LARGE else Unavailable(words)


class KafkaProducer:
    """An idempotent producer that waits for all replicas: confluent-kafka's, bound to one topic."""

    def __init__(self, settings: Settings) -> None:
        """Begins to connect; `topic` tells whether it did.

        Raises:
            Unavailable: an address that is none.
        """
        self._topic = settings.topic
        self._timeout_s = settings.connect_timeout_s
        self.complaint: str | None = None
        try:
            self._producer = Librdkafka(settings.for_librdkafka(), logger=_log, error_cb=self._complain)
        except KafkaException as error:
            raise failure(error.args[0]) from error

    def topic(self) -> Topic:
        """Looks the topic up.

        Raises:
            Unavailable: nobody answers, or it is not there.
        """
        try:
            found = self._producer.list_topics(self._topic, timeout=self._timeout_s)
        except KafkaException as error:
            self.poll(0)  # what the connection died of is told here only
            why = self.complaint or f"{failure(error.args[0])} ({_HINT})"
            raise Unavailable(f"nobody answers: {why}") from error
        metadata = found.topics[self._topic]
        if metadata.error is not None and metadata.error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
            raise Unavailable(f"topic {self._topic!r} may not be seen by this login: let it write there")
        if metadata.error is not None or not metadata.partitions:
            raise Unavailable(f"topic {self._topic!r} is not there")
        return Topic(len(metadata.partitions), found.cluster_id)

    def _complain(self, error: KafkaError) -> None:
        if error.code() != KafkaError._ALL_BROKERS_DOWN:  # says only that the others were no better
            self.complaint = str(failure(error))

    def send(self, value: bytes, key: bytes, headers: Headers, partition: int, on_delivery: OnDelivery) -> None:
        """Queues a record; see `Producer.send`."""
        try:
            self._producer.produce(self._topic, value, key, partition, headers=headers, on_delivery=on_delivery)
        except KafkaException as error:
            self.poll(0)
            raise failure(error.args[0]) from error

    def poll(self, timeout_s: float) -> None:
        """Waits until something is acknowledged or has failed, at most so long, and tells who sent it.

        Raises:
            Unavailable: this producer is at its end, a new one may do better.
        """
        try:
            self._producer.poll(timeout_s)
        except KafkaException as error:  # only what it does not survive
            raise failure(error.args[0]) from error

    def close(self) -> None:
        """Ends it at once, without waiting for what is under way."""
        with contextlib.suppress(KafkaException):  # it says once more what it has died of
            self._producer.purge()
            self._producer.flush(1)
