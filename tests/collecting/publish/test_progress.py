"""The topic loses what it acknowledged, or is made anew: what is sent again, what is refused, what is said."""

import logging
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from collecting.publish import publisher as publishing
from collecting.publish.producer import ProducerSettings, Topic, Unavailable
from collecting.publish.progress import Progress
from collecting.publish.publisher import Publisher
from collecting.source_api import Line
from collecting.spool.spool import Spool
from contract.backoff import Backoff
from contract.spool.position import NOWHERE, Acked, Position
from contract.topic_log import Ends, TopicLog
from contract.topic_log_client import LogUnknown
from tests.collecting.publish.fake_topic import FakePartition, FakeProducer, FakeTopic


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "spool", budget_bytes=2**30)
    spool.begin("file:a", "a")
    yield spool
    spool.close()


@pytest.fixture
def topic() -> FakeTopic:
    return FakeTopic([FakePartition()])


def put(spool: Spool, numbers: range) -> None:
    for number in numbers:
        spool.append(Line(f"c{number}", b"%d" % number, None), 0)
    spool.sync()


def positions(spool: Spool) -> list[Position]:
    """After each record."""
    return [position for position, _, _ in spool.read(NOWHERE)]


class Session:
    """A producer's life, each step by hand."""

    def __init__(self, spool: Spool, topic: FakeTopic) -> None:
        self.progress = Progress(spool, "t")
        self._spool = spool
        self._topic = topic
        self._producer = FakeProducer(topic)
        self.begin()

    def begin(self) -> None:
        self._target: Topic = self.progress.begin(self._producer)

    def send(self, count: int) -> None:
        """The next records are acknowledged."""
        already = self.progress.acknowledged.records
        for number in range(already, already + count):
            self._topic.partitions[0].values.append(b"%d" % number)
        self.progress.acknowledged = positions(self._spool)[already + count - 1]

    def look(self, *, in_flight: bool = False) -> None:
        self.progress.confirm(self._producer, self._target, in_flight=in_flight)


def test_what_the_topic_confirms_is_kept(spool: Spool, topic: FakeTopic) -> None:
    put(spool, range(5))
    session = Session(spool, topic)
    session.send(3)
    kept = [spool.acked.records]
    session.look()
    assert [*kept, spool.acked.records] == [0, 3]


def test_a_lost_tail_is_sent_again_from_the_newest_mark_that_survived(spool: Spool, topic: FakeTopic) -> None:
    put(spool, range(100))
    session = Session(spool, topic)
    for _ in range(10):
        session.send(10)
        session.look()
    topic.restart(81)
    with pytest.raises(Unavailable, match=r"from t\[0\]@81 on: the last 30 records are sent again"):
        session.look()
    assert (session.progress.acknowledged.records, spool.acked.records) == (70, 70)


def test_a_lost_tail_is_seen_by_the_next_process(spool: Spool, topic: FakeTopic) -> None:
    put(spool, range(20))
    session = Session(spool, topic)
    session.send(20)
    session.look()
    topic.restart(0)
    with pytest.raises(Unavailable, match="the last 20 records are sent again"):
        Session(spool, topic)
    assert spool.acked.records == 0
    Session(spool, topic)  # and then there is nothing to say


def test_a_lost_tail_that_another_producer_has_filled_up_again_is_seen(spool: Spool, topic: FakeTopic) -> None:
    put(spool, range(20))
    session = Session(spool, topic)
    for _ in range(2):
        session.send(10)
        session.look()
    topic.restart(15)
    topic.partitions[0].values += [b"foreign"] * 50
    with pytest.raises(Unavailable, match=r"from t\[0\]@15 on: the last 10 records"):
        session.look()


def test_what_was_acknowledged_around_a_change_of_leaders_is_sent_again(spool: Spool, topic: FakeTopic) -> None:
    """By offsets nobody can say whether it came before or after the loss."""
    put(spool, range(20))
    session = Session(spool, topic)
    session.send(10)
    session.look()
    session.send(5)
    topic.restart(12)
    topic.partitions[0].values += [b"foreign"] * 50
    with pytest.raises(Unavailable, match="another leader since the last look: what was sent since then, 5 of it"):
        session.look()
    assert session.progress.acknowledged.records == 10


def test_what_is_in_flight_around_a_change_of_leaders_is_sent_again(spool: Spool, topic: FakeTopic) -> None:
    """Its acknowledgement may be under way from before the loss."""
    session = Session(spool, topic)
    topic.restart()
    with pytest.raises(Unavailable, match="another leader"):
        session.look(in_flight=True)


def test_a_restart_without_a_loss_is_nothing_while_nothing_is_under_way(spool: Spool, topic: FakeTopic) -> None:
    put(spool, range(5))
    session = Session(spool, topic)
    session.send(5)
    session.look()
    topic.restart()
    session.look()
    assert session.progress.acknowledged.records == 5


def test_what_other_producers_lose_is_not_ours(spool: Spool, topic: FakeTopic) -> None:
    put(spool, range(5))
    session = Session(spool, topic)
    session.send(5)
    session.look()
    topic.partitions[0].values += [b"foreign"] * 50
    session.look()
    topic.restart(5)
    with pytest.raises(Unavailable, match="the last 0 records are sent again"):
        session.look()
    session.begin()
    assert session.progress.acknowledged.records == 5


def test_a_topic_made_anew_gets_nothing_until_its_file_is_removed(spool: Spool, topic: FakeTopic) -> None:
    put(spool, range(5))
    session = Session(spool, topic)
    session.send(3)
    session.look()
    topic.make_anew("topic-2")
    for _ in range(2):
        with pytest.raises(Unavailable, match=r"made anew .* nothing is sent \(if that is meant, remove .*/cluster"):
            Session(spool, topic)
    (spool.directory / "cluster").unlink()
    assert Session(spool, topic).progress.acknowledged.records == 3


def test_a_topic_made_anew_under_a_session_is_refused_and_nothing_of_it_is_kept(spool: Spool, topic: FakeTopic) -> None:
    put(spool, range(5))
    session = Session(spool, topic)
    session.send(2)
    session.look()
    topic.make_anew("topic-2")
    session.send(3)
    with pytest.raises(Unavailable, match="made anew"):
        session.look()
    assert spool.acked.records == 2


def test_a_spool_of_an_older_version_is_bound_to_the_topic_and_keeps_its_position(
    spool: Spool, topic: FakeTopic
) -> None:
    put(spool, range(5))
    spool.save_acked(Acked(positions(spool)[2]))
    (spool.directory / "cluster").write_text("cluster-1\n")
    assert Session(spool, topic).progress.acknowledged.records == 3
    topic.make_anew("topic-2")
    with pytest.raises(Unavailable, match="made anew"):
        Session(spool, topic)


def test_a_loss_from_before_the_first_mark_is_refused_where_the_spool_no_longer_holds_it(
    tmp_path: Path, topic: FakeTopic
) -> None:
    spool = Spool(tmp_path / "small", budget_bytes=40_000)
    spool.begin("file:a", "a")
    topic.partitions[0].values += [b"%d" % number for number in range(400)]
    for number in range(400):
        spool.append(Line(f"c{number}", b"x" * 100, None), 0)
        spool.sync()
    spool.save_acked(Acked(positions(spool)[-1]))  # by an older version
    assert spool.start.records > 0
    Session(spool, topic)
    topic.restart(10)
    for _ in range(2):
        with pytest.raises(Unavailable, match=r"from t\[0\]@10 on, and the spool no longer holds them all: nothing"):
            Session(spool, topic)
    assert spool.acked.records == 400
    spool.close()


def test_a_loss_from_before_the_first_mark_is_sent_again_where_the_spool_holds_everything(
    spool: Spool, topic: FakeTopic
) -> None:
    put(spool, range(20))
    topic.partitions[0].values += [b"%d" % number for number in range(20)]
    spool.save_acked(Acked(positions(spool)[-1]))  # by an older version
    Session(spool, topic)
    topic.restart(10)
    with pytest.raises(Unavailable, match="the last 20 records are sent again"):
        Session(spool, topic)
    assert Session(spool, topic).progress.acknowledged.records == 0


def test_a_broker_that_cannot_say_is_trusted_as_before(spool: Spool, topic: FakeTopic) -> None:
    class Old(FakeProducer):
        def log(self, known: Ends) -> TopicLog | None:  # noqa: ARG002
            return None

    put(spool, range(5))
    progress = Progress(spool, "t")
    target = progress.begin(Old(topic))
    progress.acknowledged = positions(spool)[4]
    progress.confirm(Old(topic), target, in_flight=True)
    assert spool.acked.records == 5


def test_while_the_topic_gets_more_partitions_nothing_is_sent(spool: Spool, topic: FakeTopic) -> None:
    class Slow(FakeProducer):
        def topic(self) -> Topic:
            return Topic(2, "cluster-1")

    with pytest.raises(Unavailable, match="more partitions"):
        Progress(spool, "t").begin(Slow(topic))


class Weather:
    """Now and then the broker restarts, mostly losing some of each partition; others write; nobody answers."""

    def __init__(self, topic: FakeTopic, seed: int) -> None:
        self._topic = topic
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self.faults = 25

    def strike(self) -> None:
        kind = self._random.random()
        if not self.faults or kind > 0.4:
            return
        self.faults -= 1
        if kind < 0.1:
            raise Unavailable("nobody answers")
        if kind < 0.25:
            self._topic.restart(*(self._cut(len(each.values)) for each in self._topic.partitions))
        for each in self._topic.partitions:
            each.values += [b"foreign"] * self._random.choice((0, 0, 3, 200))

    def _cut(self, length: int) -> int:
        return max(0, length - self._random.choice((0, 0, 1, 5, 40, length)))


@pytest.mark.parametrize("seed", range(60))
def test_whatever_the_topic_loses_is_in_it_at_the_end(
    spool: Spool, seed: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(publishing, "BACKOFF", Backoff(0.0, 0.0, jitter=0.0))
    monkeypatch.setattr(publishing, "LOOK_INTERVAL_S", 0.0)
    monkeypatch.setattr(publishing, "IDLE_S", 0.0)
    monkeypatch.setattr(publishing, "POLL_S", 0.0)
    caplog.set_level(logging.CRITICAL)
    topic = FakeTopic([FakePartition() for _ in range(3)])
    weather, stop = Weather(topic, seed), threading.Event()
    settings = ProducerSettings("h:1", "t", in_flight_records=7)
    put(spool, range(300))

    class Struck(FakeProducer):
        def log(self, known: Ends) -> TopicLog | None:
            weather.strike()
            if weather.faults and seed % 3 == 0 and len(topic.values) % 5 == 0:
                raise LogUnknown("a failover")
            found = super().log(known)
            if spool.acked == spool.durable and not weather.faults:
                stop.set()
            return found

    publisher = Publisher(spool, settings, connect=lambda _: Struck(topic, weather.strike))
    publisher.run(stop)
    assert publisher.acked == spool.durable
    assert {b"%d" % number for number in range(300)} - set(topic.values) == set()
