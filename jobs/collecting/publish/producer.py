"""The Kafka producer as the publisher wants it. docs/decisions/0016 has what was measured."""

import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from confluent_kafka import KafkaError, KafkaException, Message
from confluent_kafka import Producer as Librdkafka

from contract.kafka_client import KafkaClientConfig
from contract.topic_log import Ends, TopicLog
from contract.topic_log_client import LogUnknown, LogUnsupported, TopicLogClient

Headers = list[tuple[str, str | bytes | None]]  # as confluent-kafka has it; ours are all bytes
OnDelivery = Callable[[KafkaError | None, Message], None]
# Below "kafka", so that silencing that logger silences librdkafka too.
_log = logging.getLogger("kafka.librdkafka")
# For a connection that is closed without a reason: mostly TLS against plaintext, or the other way round.
_HINT = "does it ask for TLS, or for a login? See --kafka-config"
# The cluster's: an idempotent producer that may write to no topic at all.
_FORBIDDEN = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED)


class Unavailable(Exception):  # noqa: N818 - it says what is the matter
    """No broker takes our records: none answers, the name does not resolve, or the topic is missing or too small."""


class TooLarge(Exception):  # noqa: N818
    """The broker refuses a record, or the batch that it went in, for its size."""


@dataclass(frozen=True)
class ProducerSettings:
    """How records go to the broker. The figures behind the defaults are in bench/README.md.

    Attributes:
        bootstrap_servers: `host:port`, several with commas.
        login: the Kafka client configuration, in librdkafka's names (docs/contracts.md, "A Kafka client's file").
        in_flight_records, in_flight_bytes: how much may be sent and not yet acknowledged; bounds the memory.
        batch_bytes, batch_records: one batch of a partition, before compression.
        max_request_bytes: a larger record is not sent.
        delivery_timeout_s: a record fails after it, and everything from there is sent again.
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
        """The same in librdkafka's names, with what is fixed: all replicas, no duplicates in one producer's life."""
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
            # Never reached: the publisher's window is smaller.
            "queue.buffering.max.messages": 2 * self.in_flight_records + 1000,
            "queue.buffering.max.kbytes": 2 * (self.in_flight_bytes + self.max_request_bytes) // 1024,
        }


class Topic(NamedTuple):
    """Our topic, as the broker describes it.

    Attributes:
        cluster_id: of its cluster; None if the broker does not give one.
    """

    partitions: int
    cluster_id: str | None


class Producer(Protocol):
    """What the publisher needs of a producer.

    Attributes:
        complaint: the last failure between it and the brokers, one line; it keeps trying. None: none yet.
    """

    complaint: str | None

    def topic(self) -> Topic:
        """Looks the topic up.

        Raises:
            Unavailable: no broker answers, or the topic does not exist.
        """
        ...

    def log(self, known: Ends) -> TopicLog | None:
        """The topic's log, and how far it is the one whose ends are `known`; None where the broker can't say.

        Raises:
            LogUnknown: the broker doesn't say it now.
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
        """Waits up to `timeout_s` for acknowledgements and failures, and calls their `on_delivery`.

        Raises:
            Unavailable: this producer is broken; a new one may work.
        """
        ...

    def close(self) -> None:
        """Closes it at once; what is not acknowledged may or may not be in the topic."""
        ...


def failure(error: KafkaError) -> TooLarge | Unavailable:
    """A delivery's error as the publisher's exception."""
    words = " ".join(error.str().split())
    if error.code() in _FORBIDDEN:
        words = f"this login may not write here: {words}"
    return TooLarge(words) if error.code() == KafkaError.MSG_SIZE_TOO_LARGE else Unavailable(words)


class KafkaProducer:
    """An idempotent producer that waits for all replicas: confluent-kafka's, bound to one topic."""

    def __init__(self, settings: ProducerSettings) -> None:
        """Starts to connect; `topic` fails if it can't.

        Raises:
            Unavailable: an invalid address.
        """
        self._settings = settings
        self._topic = settings.topic
        self._timeout_s = settings.connect_timeout_s
        self._log_client: TopicLogClient | None = None
        self.complaint: str | None = None
        try:
            self._producer = Librdkafka(settings.for_librdkafka(), logger=_log, error_cb=self._complain)
        except KafkaException as error:
            raise failure(error.args[0]) from error

    def topic(self) -> Topic:
        """Looks the topic up.

        Raises:
            Unavailable: no broker answers, or the topic does not exist.
        """
        try:
            found = self._producer.list_topics(self._topic, timeout=self._timeout_s)
        except KafkaException as error:
            self.poll(0)  # the reason is reported here only
            why = self.complaint or f"{failure(error.args[0])} ({_HINT})"
            raise Unavailable(f"nobody answers: {why}") from error
        metadata = found.topics[self._topic]
        if metadata.error is not None and metadata.error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
            raise Unavailable(f"topic {self._topic!r} may not be seen by this login: let it write there")
        if metadata.error is not None or not metadata.partitions:
            raise Unavailable(f"topic {self._topic!r} does not exist")
        return Topic(len(metadata.partitions), found.cluster_id)

    def log(self, known: Ends) -> TopicLog | None:
        """The topic's log by a client of its own: librdkafka has no call for leader epochs; see `Producer.log`."""
        try:
            if self._log_client is None:
                login = KafkaClientConfig(self._settings.login)
                servers = self._settings.bootstrap_servers
                self._log_client = TopicLogClient(servers, login, patience_s=self._timeout_s)
            return self._log_client.read(self._topic, known)
        except LogUnsupported:
            return None
        except LogUnknown:
            self._close_log_client()
            raise

    def _close_log_client(self) -> None:
        if self._log_client is not None:
            self._log_client.close()
            self._log_client = None

    def _complain(self, error: KafkaError) -> None:
        if error.code() != KafkaError._ALL_BROKERS_DOWN:  # only says that all failed
            self.complaint = str(failure(error))

    def send(self, value: bytes, key: bytes, headers: Headers, partition: int, on_delivery: OnDelivery) -> None:
        """Queues a record; see `Producer.send`."""
        try:
            self._producer.produce(self._topic, value, key, partition, headers=headers, on_delivery=on_delivery)
        except KafkaException as error:
            self.poll(0)
            raise failure(error.args[0]) from error

    def poll(self, timeout_s: float) -> None:
        """Waits up to `timeout_s` for acknowledgements and failures, and calls their `on_delivery`.

        Raises:
            Unavailable: this producer is broken; a new one may work.
        """
        try:
            self._producer.poll(timeout_s)
        except KafkaException as error:  # only fatal errors
            raise failure(error.args[0]) from error

    def close(self) -> None:
        """Closes it at once, without waiting for what is in flight."""
        self._close_log_client()
        with contextlib.suppress(KafkaException):  # it repeats its fatal error
            self._producer.purge()
            self._producer.flush(1)
