"""The publisher against a real broker, and, for what a broker does not do on demand, against a scripted producer."""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path

import pytest
from confluent_kafka import KafkaError

from collecting.publish.producer import Headers, OnDelivery, ProducerSettings, TooLarge, Topic
from collecting.publish.publisher import LOOK_INTERVAL_S, Publisher
from collecting.source_api import Line
from collecting.spool.spool import Spool
from contract.spool.position import NOWHERE
from contract.topic_log import Ends, LogEnd, TopicLog
from tests.brokers import Broker

WITHIN_S = 60


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "spool", budget_bytes=2**30)
    spool.begin("file:a", "a")
    yield spool
    spool.close()


def put(spool: Spool, *lines: bytes, dialect: str | None = None) -> None:
    for raw in lines:
        spool.append(Line(f"c{spool.durable.records}", raw, dialect), 1_700_000_000_123)
        spool.sync()


def keyed(place: str, raw: bytes) -> bytes:
    return f"{place}:{hashlib.blake2b(raw, digest_size=8).hexdigest()}".encode()


def eventually(condition: Callable[[], bool], within_s: float = WITHIN_S) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)


class Running:
    """A publisher in a thread, for the length of a with."""

    def __init__(self, publisher: Publisher) -> None:
        self.publisher = publisher
        self._stop = threading.Event()
        self._thread = threading.Thread(target=publisher.run, args=(self._stop,))

    def __enter__(self) -> Publisher:
        self._thread.start()
        return self.publisher

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=30)
        assert not self._thread.is_alive()


def publish_all(spool: Spool, settings: ProducerSettings) -> None:
    with Running(Publisher(spool, settings)) as publisher:
        eventually(lambda: publisher.acked == spool.durable)


def test_the_spool_keeps_each_posts_identity(spool: Spool) -> None:
    put(spool, b'{"id":7,"id_str":"7","text":"a","timestamp_ms":"1700000000000"}', b"{torn", dialect="x")
    spool.append(Line("c", b'{"id_str":"8"}', "x", "x:named by the source"), 0)
    spool.sync()
    assert [record.post_id for _, _, record in spool.read(NOWHERE)] == ["x:7", "", "x:named by the source"]


@pytest.mark.kafka
def test_a_record_has_the_key_value_and_headers_of_the_contract(spool: Spool, broker: Broker) -> None:
    topic = broker.create_topic("contract")
    put(spool, b'{"id":7,"id_str":"7","text":"a","created_at":"Wed Aug 27 13:08:45 +0000 2008"}')
    put(spool, b"plain text", dialect="text")
    put(spool, b"", b"\0\xff{not json")
    spool.append_event({"gap": {"why": "w"}}, 99)
    spool.sync()
    publish_all(spool, ProducerSettings(broker.bootstrap_servers, topic))
    records = {record.key: record for record in broker.read(topic)}
    received = ("received_at", b"1700000000123")
    collector = ("collector", b"hashtide")
    assert {key: (record.value, dict(record.headers)) for key, record in records.items()} == {
        b"x:7": (
            b'{"id":7,"id_str":"7","text":"a","created_at":"Wed Aug 27 13:08:45 +0000 2008"}',
            dict([received, collector]),
        ),
        keyed("line:a:c1", b"plain text"): (b"plain text", dict([received, collector, ("dialect", b"text")])),
        keyed("line:a:c2", b""): (b"", dict([received, collector])),
        keyed("line:a:c3", b"\0\xff{not json"): (b"\0\xff{not json", dict([received, collector])),
        keyed("note:a:c3:99", b'{"hashtide": {"gap": {"why": "w"}}}'): (
            b'{"hashtide": {"gap": {"why": "w"}}}',
            {"received_at": b"99", "collector": b"hashtide", "dialect": b"hashtide"},
        ),
    }


@pytest.mark.kafka
def test_records_of_one_key_stay_in_order(spool: Spool, broker: Broker) -> None:
    topic = broker.create_topic("order")
    posts = [b'{"id_str":"%d","text":"%d","timestamp_ms":"1700000000000"}' % (n % 5 + 1, n) for n in range(500)]
    for number, raw in enumerate(posts):
        spool.append(Line(str(number), raw, "x"), 0)
    spool.sync()
    publish_all(spool, ProducerSettings(broker.bootstrap_servers, topic, batch_bytes=1000))
    for key in range(1, 6):
        texts = [int(json.loads(r.value)["text"]) for r in broker.read(topic) if r.key == b"x:%d" % key]
        assert texts == sorted(texts)
        assert len(texts) == 100


@pytest.mark.kafka
def test_a_line_too_large_for_the_broker_becomes_a_dead_letter_marker(spool: Spool, broker: Broker) -> None:
    topic = broker.create_topic("small", configs={"max.message.bytes": "100000"})
    lines = [b"before", b"x" * 150_000, b"after", b"y" * 3_000_000, b"last"]
    put(spool, *lines, dialect="text")
    publish_all(spool, ProducerSettings(broker.bootstrap_servers, topic, compression=None, max_request_bytes=1_000_000))
    records = {record.key: record for record in broker.read(topic)}
    keys = [keyed(f"line:a:c{n}", raw) for n, raw in enumerate(lines)]
    assert set(records) == set(keys)
    assert [records[keys[n]].value for n in (0, 2, 4)] == [b"before", b"after", b"last"]
    for n, size in ((1, 150_000), (3, 3_000_000)):
        assert dict(records[keys[n]].headers)["dialect"] == b"hashtide"
        note = json.loads(records[keys[n]].value)["hashtide"]["dead"]
        assert note == {"source": "a", "cursor": f"c{n}", "bytes": size, "reason": "record too large"}


@pytest.mark.kafka
def test_a_line_of_a_megabyte_goes_through_as_it_is(spool: Spool, broker: Broker) -> None:
    topic = broker.create_topic("mega")
    put(spool, b"x" * 1_000_000, dialect="text")
    publish_all(spool, ProducerSettings(broker.bootstrap_servers, topic))
    assert [len(record.value) for record in broker.read(topic)] == [1_000_000]


@pytest.mark.kafka
def test_waits_for_a_topic_that_is_not_there_yet_and_says_so(spool: Spool, broker: Broker) -> None:
    put(spool, b"one")
    with Running(
        Publisher(spool, ProducerSettings(broker.bootstrap_servers, "later", connect_timeout_s=1))
    ) as publisher:
        eventually(lambda: "topic 'later' does not exist" in (publisher.last_error or ""))
        broker.create_topic("later")
        eventually(lambda: publisher.acked == spool.durable)
        assert publisher.last_error is None
    assert [record.value for record in broker.read("later")] == [b"one"]


@pytest.mark.kafka
def test_goes_on_where_it_was_after_a_restart(spool: Spool, broker: Broker) -> None:
    topic = broker.create_topic("restart")
    put(spool, b"one")
    publish_all(spool, ProducerSettings(broker.bootstrap_servers, topic))
    put(spool, b"two")
    publish_all(spool, ProducerSettings(broker.bootstrap_servers, topic))
    assert sorted(record.value for record in broker.read(topic)) == [b"one", b"two"]


@pytest.mark.kafka
@pytest.mark.parametrize("delivery_timeout_s", [4, 120], ids=["sent anew by us", "retried by the producer"])
def test_kafka_stopped_killed_and_started_in_the_middle_loses_nothing(
    spool: Spool, broker_of_its_own: Broker, delivery_timeout_s: float
) -> None:
    broker = broker_of_its_own
    topic = broker.create_topic("away")
    settings = ProducerSettings(
        broker.bootstrap_servers,
        topic,
        delivery_timeout_s=delivery_timeout_s,
        request_timeout_s=2,
        connect_timeout_s=2,
    )
    sent = 0
    with Running(Publisher(spool, settings)) as publisher:
        for kill in (False, True):
            for _ in range(3):
                sent += 400
                put(spool, *(b"%d" % n for n in range(sent - 400, sent)))
            eventually(lambda goal=sent - 1200: publisher.acked.records > goal)  # type: ignore[misc]
            broker.stop(kill=kill)
            put(spool, *(b"%d" % n for n in range(sent, sent + 400)))
            sent += 400
            eventually(lambda: publisher.last_error is not None)
            assert publisher.acked.records < sent
            broker.start()
            eventually(lambda: publisher.acked == spool.durable)
            assert publisher.last_error is None
    assert {int(record.value) for record in broker.read(topic)} == set(range(sent))


def test_a_name_that_does_not_resolve_is_tried_again(spool: Spool) -> None:
    put(spool, b"one")
    publisher = Publisher(spool, ProducerSettings("no-such-host.invalid:9092", "t", connect_timeout_s=1))
    with Running(publisher):
        eventually(lambda: publisher.last_error is not None)
        assert "Kafka at no-such-host.invalid:9092: " in str(publisher.last_error)


Answer = KafkaError | None
TIMED_OUT = KafkaError(KafkaError._MSG_TIMED_OUT, "Local: Message timed out")
TOO_LARGE = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE, "Broker: Message size too large")


class ScriptedProducer:
    """Answers each send, at the next poll, as the script says: an error, or None for an acknowledgement."""

    complaint: str | None = None

    def __init__(self, script: Iterator[Answer], sent: list[bytes], cluster_id: str = "cluster-1") -> None:
        self._script = script
        self._sent = sent
        self._cluster_id = cluster_id
        self._waiting: list[tuple[OnDelivery, Answer]] = []

    def topic(self) -> Topic:
        return Topic(1, self._cluster_id)

    def log(self, known: Ends) -> TopicLog:
        return TopicLog("topic-1", {0: LogEnd(0, 0)}, dict.fromkeys(known, 0))

    def send(self, value: bytes, key: bytes, headers: Headers, partition: int, on_delivery: OnDelivery) -> None:  # noqa: ARG002
        self._sent.append(value)
        self._waiting.append((on_delivery, next(self._script, None)))

    def poll(self, timeout_s: float) -> None:
        if not self._waiting:
            time.sleep(timeout_s)
        for on_delivery, answer in self._waiting:
            on_delivery(answer, None)  # type: ignore[arg-type]
        self._waiting.clear()

    def close(self) -> None:
        pass


def published_by_script(spool: Spool, *script: Answer) -> list[bytes]:
    sent: list[bytes] = []
    answers = iter(script)
    publisher = Publisher(spool, ProducerSettings("h:1", "t"), connect=lambda _: ScriptedProducer(answers, sent))
    with Running(publisher):
        eventually(lambda: publisher.acked == spool.durable)
    return sent


def test_a_failed_record_and_all_after_it_are_sent_again(spool: Spool) -> None:
    put(spool, b"one", b"two", b"three")
    sent = published_by_script(spool, None, TIMED_OUT, None)
    assert sent == [b"one", b"two", b"three", b"two", b"three"]


def test_of_a_batch_that_is_too_large_only_the_record_at_fault_is_replaced(spool: Spool) -> None:
    put(spool, b"one", b"two", b"three", b"four", b"five")
    # The batch of the second to fourth is refused; then they go one by one, and it is the third.
    sent = published_by_script(spool, None, TOO_LARGE, TOO_LARGE, TOO_LARGE, None, None, TOO_LARGE)
    assert sent[:7] == [b"one", b"two", b"three", b"four", b"five", b"two", b"three"]
    assert b'"reason": "record too large"' in sent[7]
    assert sent[8:] == [b"four", b"five"]


def test_one_by_one_means_a_batch_and_a_window_of_one(spool: Spool) -> None:
    put(spool, b"one", b"two")
    used: list[ProducerSettings] = []
    answers = iter([TOO_LARGE, TOO_LARGE])

    def connect(settings: ProducerSettings) -> ScriptedProducer:
        used.append(settings)
        return ScriptedProducer(answers, [])

    with Running(Publisher(spool, ProducerSettings("h:1", "t"), connect=connect)) as publisher:
        eventually(lambda: publisher.acked == spool.durable and len(used) == 3)
    assert [(each.batch_records, each.in_flight_records) for each in used] == [
        (10_000, 20_000),
        (1, 1),
        (10_000, 20_000),
    ]


def test_a_topic_that_refuses_even_the_note_is_said_and_nothing_is_left_out(spool: Spool) -> None:
    put(spool, b"one", b"two")
    answers: Iterator[Answer] = repeat(TOO_LARGE)
    publisher = Publisher(spool, ProducerSettings("h:1", "t"), connect=lambda _: ScriptedProducer(answers, []))
    with Running(publisher):
        eventually(lambda: publisher.last_error is not None)
        assert "topic 't' refuses even a dead-letter marker" in str(publisher.last_error)
    assert spool.acked.records == 0


def test_a_record_that_the_client_itself_refuses_is_replaced(spool: Spool) -> None:
    put(spool, b"one", b"two")
    sent: list[bytes] = []

    class Strict(ScriptedProducer):
        def send(self, value: bytes, key: bytes, headers: Headers, partition: int, on_delivery: OnDelivery) -> None:
            if value == b"two":
                raise TooLarge("no")
            super().send(value, key, headers, partition, on_delivery)

    with Running(Publisher(spool, ProducerSettings("h:1", "t"), connect=lambda _: Strict(iter(()), sent))) as publisher:
        eventually(lambda: publisher.acked == spool.durable)
    assert b'"reason": "record too large"' in sent[-1]


def test_the_position_is_kept_only_up_to_what_is_acknowledged(spool: Spool) -> None:
    put(spool, b"one", b"two")
    sent: list[bytes] = []

    def broken() -> Iterator[Answer]:
        yield None
        while True:
            yield TIMED_OUT

    answers = broken()
    publisher = Publisher(spool, ProducerSettings("h:1", "t"), connect=lambda _: ScriptedProducer(answers, sent))
    with Running(publisher):
        eventually(lambda: len(sent) > 2)
        eventually(lambda: publisher.last_error == "Kafka at h:1: Local: Message timed out")
    assert spool.acked.records == 1


def test_the_window_bounds_what_is_in_flight_and_unacknowledged_does_not_count(spool: Spool) -> None:
    put(spool, *(b"x" * 100 for _ in range(12)))
    under_way: list[OnDelivery] = []
    answered = 0

    class Silent(ScriptedProducer):
        def send(self, value: bytes, key: bytes, headers: Headers, partition: int, on_delivery: OnDelivery) -> None:  # noqa: ARG002
            under_way.append(on_delivery)

    publisher = Publisher(
        spool, ProducerSettings("h:1", "t", in_flight_records=5), connect=lambda _: Silent(iter(()), [])
    )
    # Answers: (how many of the sent are acknowledged by now, how many may have been sent then).
    with Running(publisher):
        for acknowledged, sent in ((0, 5), (3, 8), (8, 12), (12, 12)):
            for on_delivery in under_way[answered:acknowledged]:
                on_delivery(None, None)  # type: ignore[arg-type]
            answered = acknowledged
            eventually(lambda acknowledged=acknowledged: publisher.acked.records == acknowledged)  # type: ignore[misc]
            time.sleep(0.3)  # time enough to do what it must not
            assert (publisher.acked.records, len(under_way)) == (acknowledged, sent)
        assert publisher.acked == spool.durable


def test_what_is_acknowledged_out_of_order_waits_for_what_is_before_it(spool: Spool) -> None:
    put(spool, b"one", b"two", b"three")
    under_way: list[OnDelivery] = []

    class Silent(ScriptedProducer):
        def send(self, value: bytes, key: bytes, headers: Headers, partition: int, on_delivery: OnDelivery) -> None:  # noqa: ARG002
            under_way.append(on_delivery)

    publisher = Publisher(spool, ProducerSettings("h:1", "t"), connect=lambda _: Silent(iter(()), []))
    with Running(publisher):
        eventually(lambda: len(under_way) == 3)
        for place, acknowledged in ((2, 0), (0, 1), (1, 3)):
            under_way[place](None, None)  # type: ignore[arg-type]
            time.sleep(LOOK_INTERVAL_S + 0.3)
            assert publisher.acked.records == acknowledged


def test_a_broker_of_another_cluster_gets_nothing_and_is_named(spool: Spool) -> None:
    put(spool, b"one")
    sent: list[bytes] = []
    cluster = ["cluster-1"]
    publisher = Publisher(
        spool,
        ProducerSettings("h:1", "t"),
        connect=lambda _: ScriptedProducer(iter([None, TIMED_OUT]), sent, cluster[0]),
    )
    with Running(publisher):
        eventually(lambda: publisher.acked == spool.durable)
        cluster[0] = "cluster-2"
        put(spool, b"two")  # fails, so it connects anew: to the stranger
        eventually(lambda: "this is cluster cluster-2, and the spool belongs to cluster-1" in str(publisher.last_error))
        assert sent == [b"one", b"two"]
        cluster[0] = "cluster-1"
        eventually(lambda: publisher.acked == spool.durable)
    assert sent == [b"one", b"two", b"two"]
