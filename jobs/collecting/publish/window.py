"""The records that were sent and are not yet acknowledged."""

from collections import deque

from confluent_kafka import KafkaError, Message

from collecting.publish.producer import ProducerSettings, TooLarge, Unavailable, failure
from contract.spool.position import Position


class Sent:
    """One record in flight.

    Attributes:
        position: just after it in the spool.
        size: bytes of its value.
        done: the broker has answered, or the producer gave up.
        error: why it failed; None if it did not.
        topic_offset: its topic, partition and offset, where the publisher's caller wants them.
    """

    __slots__ = ("done", "error", "position", "size", "topic_offset")

    def __init__(self, position: Position, size: int) -> None:
        self.position = position
        self.size = size
        self.done = False
        self.error: KafkaError | None = None
        self.topic_offset: tuple[str | None, int | None, int | None] | None = None

    def delivered(self, error: KafkaError | None, _: Message) -> None:
        """The producer's answer."""
        self.error, self.done = error, True

    def delivered_at(self, error: KafkaError | None, message: Message) -> None:
        """The producer's answer, with the record's offset."""
        self.topic_offset = message.topic(), message.partition(), message.offset()
        self.error, self.done = error, True


class Window:
    """Records in spool order, in whatever order they are acknowledged."""

    def __init__(self, settings: ProducerSettings) -> None:
        self._settings = settings
        self._sent: deque[Sent] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._sent)

    @property
    def full(self) -> bool:
        """Whether no more may be sent for now."""
        return len(self._sent) >= self._settings.in_flight_records or self._bytes >= self._settings.in_flight_bytes

    @property
    def answered(self) -> bool:
        """Whether the record at the front is acknowledged or has failed."""
        return bool(self._sent) and self._sent[0].done

    def add(self, position: Position, size: int) -> Sent:
        """Adds a record; its `delivered` goes to the producer with it."""
        sent = Sent(position, size)
        self._sent.append(sent)
        self._bytes += size
        return sent

    def reap(self) -> list[Sent]:
        """Removes the acknowledged records at the front and returns them."""
        acknowledged: list[Sent] = []
        while self._sent and self._sent[0].done and self._sent[0].error is None:
            one = self._sent.popleft()
            acknowledged.append(one)
            self._bytes -= one.size
        return acknowledged

    @property
    def failure(self) -> TooLarge | Unavailable | None:
        """Why the record at the front failed; None if it did not."""
        error = self._sent[0].error if self._sent else None
        return failure(error) if error is not None else None

    def last_refused(self) -> int:
        """Ordinal of the last record that failed; 0 if none did."""
        return max((one.position.records for one in self._sent if one.error is not None), default=0)
