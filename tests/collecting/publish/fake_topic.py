"""A topic in memory with leader epochs as Kafka keeps them, and a producer that writes to it when it is polled."""

from collections.abc import Callable
from dataclasses import dataclass, field

from collecting.publish.producer import Headers, OnDelivery, Topic, Unavailable
from contract.topic_log import Ends, LogEnd, TopicLog


@dataclass
class FakePartition:
    """The values of a partition, and where each leader epoch began."""

    values: list[bytes] = field(default_factory=list)
    begins: dict[int, int] = field(default_factory=lambda: {0: 0})

    @property
    def epoch(self) -> int:
        return max(self.begins)

    def end_of(self, epoch: int) -> int:
        """As a broker answers: the end of the epoch, or of the last one before it."""
        if epoch == self.epoch:
            return len(self.values)
        return min((begin for later, begin in self.begins.items() if later > epoch), default=-1)


@dataclass
class FakeTopic:
    """One topic on one broker that may lose what it acknowledged."""

    partitions: list[FakePartition]
    topic_id: str | None = "topic-1"
    cluster_id: str | None = "cluster-1"

    @property
    def values(self) -> list[bytes]:
        return [value for each in self.partitions for value in each.values]

    def restart(self, *kept: int | None) -> None:
        """The broker restarts; each partition keeps so many records (None: all), and its leader begins a new epoch."""
        for each, count in zip(self.partitions, kept or [None] * len(self.partitions), strict=True):
            epoch = each.epoch + 2
            del each.values[len(each.values) if count is None else count :]
            each.begins = {old: begin for old, begin in each.begins.items() if begin < len(each.values) or begin == 0}
            each.begins[epoch] = len(each.values)

    def make_anew(self, topic_id: str) -> None:
        self.topic_id = topic_id
        self.partitions = [FakePartition() for _ in self.partitions]

    def log(self, known: Ends) -> TopicLog:
        ends = {number: LogEnd(len(each.values), each.epoch) for number, each in enumerate(self.partitions)}
        same = {
            number: self.partitions[number].end_of(ends[number].epoch or 0 if end.epoch is None else end.epoch)
            for number, end in known.items()
            if number < len(self.partitions)
        }
        return TopicLog(self.topic_id, ends, same)


class FakeProducer:
    """Writes to the topic at once; tells of it when it is polled."""

    complaint: str | None = None

    def __init__(self, topic: FakeTopic, on_poll: Callable[[], None] = lambda: None) -> None:
        self._topic = topic
        self._on_poll = on_poll
        self._unanswered: list[OnDelivery] = []

    def topic(self) -> Topic:
        return Topic(len(self._topic.partitions), self._topic.cluster_id)

    def log(self, known: Ends) -> TopicLog | None:
        return self._topic.log(known)

    def send(self, value: bytes, key: bytes, headers: Headers, partition: int, on_delivery: OnDelivery) -> None:  # noqa: ARG002
        if partition >= len(self._topic.partitions):
            raise Unavailable("no such partition")
        self._topic.partitions[partition].values.append(value)
        self._unanswered.append(on_delivery)

    def poll(self, timeout_s: float) -> None:  # noqa: ARG002
        answered, self._unanswered = self._unanswered, []
        self._on_poll()
        for on_delivery in answered:
            on_delivery(None, None)  # type: ignore[arg-type]

    def close(self) -> None:
        pass
