"""The publisher against a real broker, and, for what a broker does not do on demand, against a scripted producer."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kafka.errors import KafkaConnectionError, KafkaTimeoutError, MessageSizeTooLargeError
from kafka.future import Future

from collecting.lines import Line
from collecting.producer import Settings
from collecting.publisher import Publisher
from collecting.spool import Spool
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


def publish_all(spool: Spool, settings: Settings) -> None:
    with Running(Publisher(spool, settings)) as publisher:
        eventually(lambda: publisher.acked == spool.durable)


@pytest.mark.kafka
def test_a_record_has_the_key_value_and_headers_of_the_contract(spool: Spool, broker: Broker) -> None:
    topic = broker.create_topic("contract")
    put(spool, b'{"id":7,"id_str":"7","text":"a","created_at":"Wed Aug 27 13:08:45 +0000 2008"}')
    put(spool, b"plain text", dialect="text")
    put(spool, b"", b"\0\xff{not json")
    spool.append_note({"gap": {"why": "w"}}, 99)
    spool.sync()
    publish_all(spool, Settings(broker.bootstrap_servers, topic))
    records = {record.key: record for record in broker.read(topic)}
    received = ("received_at", b"1700000000123")
    collector = ("collector", b"hashtide")
    assert {key: (record.value, dict(record.headers)) for key, record in records.items()} == {
        b"x:7": (
            b'{"id":7,"id_str":"7","text":"a","created_at":"Wed Aug 27 13:08:45 +0000 2008"}',
            dict([received, collector]),
        ),
        b"line:a:c1": (b"plain text", dict([received, collector, ("dialect", b"text")])),
        b"line:a:c2": (b"", dict([received, collector])),
        b"line:a:c3": (b"\0\xff{not json", dict([received, collector])),
        b"note:a:c3:99": (
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
    publish_all(spool, Settings(broker.bootstrap_servers, topic, batch_bytes=1000))
    for key in range(1, 6):
        texts = [int(json.loads(r.value)["text"]) for r in broker.read(topic) if r.key == b"x:%d" % key]
        assert texts == sorted(texts)
        assert len(texts) == 100


@pytest.mark.kafka
def test_a_line_that_the_broker_refuses_for_its_size_becomes_a_note_and_holds_nothing_up(
    spool: Spool, broker: Broker
) -> None:
    topic = broker.create_topic("small", configs={"max.message.bytes": "100000"})
    put(spool, b"before", b"x" * 150_000, b"after", b"y" * 3_000_000, b"last", dialect="text")
    publish_all(spool, Settings(broker.bootstrap_servers, topic, compression=None, max_request_bytes=1_000_000))
    records = {record.key: record for record in broker.read(topic)}
    assert set(records) == {f"line:a:c{n}".encode() for n in range(5)}
    assert [records[b"line:a:c%d" % n].value for n in (0, 2, 4)] == [b"before", b"after", b"last"]
    for key, size in ((b"line:a:c1", 150_000), (b"line:a:c3", 3_000_000)):
        assert dict(records[key].headers)["dialect"] == b"hashtide"
        note = json.loads(records[key].value)["hashtide"]["dead"]
        assert note == {"source": "a", "cursor": key.decode()[7:], "bytes": size, "reason": "record too large"}


@pytest.mark.kafka
def test_a_line_of_a_megabyte_goes_through_as_it_is(spool: Spool, broker: Broker) -> None:
    topic = broker.create_topic("mega")
    put(spool, b"x" * 1_000_000, dialect="text")
    publish_all(spool, Settings(broker.bootstrap_servers, topic))
    assert [len(record.value) for record in broker.read(topic)] == [1_000_000]


@pytest.mark.kafka
def test_waits_for_a_topic_that_is_not_there_yet_and_says_so(spool: Spool, broker: Broker) -> None:
    put(spool, b"one")
    with Running(Publisher(spool, Settings(broker.bootstrap_servers, "later", connect_timeout_s=1))) as publisher:
        eventually(lambda: "topic 'later' is not there" in (publisher.trouble or ""))
        broker.create_topic("later")
        eventually(lambda: publisher.acked == spool.durable)
        assert publisher.trouble is None
    assert [record.value for record in broker.read("later")] == [b"one"]


@pytest.mark.kafka
def test_goes_on_where_it_was_after_a_restart(spool: Spool, broker: Broker) -> None:
    topic = broker.create_topic("restart")
    put(spool, b"one")
    publish_all(spool, Settings(broker.bootstrap_servers, topic))
    put(spool, b"two")
    publish_all(spool, Settings(broker.bootstrap_servers, topic))
    assert sorted(record.value for record in broker.read(topic)) == [b"one", b"two"]


@pytest.mark.kafka
@pytest.mark.parametrize("delivery_timeout_s", [4, 120], ids=["sent anew by us", "retried by the producer"])
def test_kafka_stopped_killed_and_started_in_the_middle_loses_nothing(
    spool: Spool, broker_of_its_own: Broker, delivery_timeout_s: float
) -> None:
    broker = broker_of_its_own
    topic = broker.create_topic("away")
    settings = Settings(
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
            eventually(lambda: publisher.trouble is not None)
            assert publisher.acked.records < sent
            broker.start()
            eventually(lambda: publisher.acked == spool.durable)
            assert publisher.trouble is None
    assert {int(record.value) for record in broker.read(topic)} == set(range(sent))


def test_a_name_that_does_not_resolve_is_tried_again(spool: Spool) -> None:
    put(spool, b"one")
    publisher = Publisher(spool, Settings("no-such-host.invalid:9092", "t", connect_timeout_s=1))
    with Running(publisher):
        eventually(lambda: publisher.trouble is not None)
        assert "Kafka at no-such-host.invalid:9092: " in str(publisher.trouble)


class Pending(Future):  # type: ignore[misc]
    """A record's future, answered by the test."""

    def get(self, timeout: float) -> None:
        time.sleep(timeout)
        if not self.is_done:
            raise KafkaTimeoutError("not yet")


class ScriptedProducer:
    """Answers each send as the script says: an exception, or None for an acknowledgement."""

    def __init__(self, script: Iterator[Exception | None], sent: list[bytes]) -> None:
        self._script = script
        self._sent = sent

    def send(self, topic: str, value: bytes, key: bytes, headers: list[tuple[str, bytes]], partition: int) -> Future:  # noqa: ARG002
        answer = next(self._script, None)
        self._sent.append(value)
        future = Future()
        if answer is None:
            future.success(None)
        else:
            future.failure(answer)
        return future

    def partitions_for(self, topic: str) -> set[int]:  # noqa: ARG002
        return {0}

    def close(self, timeout: float) -> None:
        pass


def published_by_script(spool: Spool, *script: Exception | None) -> list[bytes]:
    sent: list[bytes] = []
    answers = iter(script)
    publisher = Publisher(spool, Settings("h:1", "t"), connect=lambda _: ScriptedProducer(answers, sent))
    with Running(publisher):
        eventually(lambda: publisher.acked == spool.durable)
    return sent


def test_a_failed_record_and_all_after_it_are_sent_again(spool: Spool) -> None:
    put(spool, b"one", b"two", b"three")
    sent = published_by_script(spool, None, KafkaTimeoutError("expired"), None)
    assert sent == [b"one", b"two", b"three", b"two", b"three"]


def test_a_record_that_is_too_large_is_replaced_and_only_that_one(spool: Spool) -> None:
    put(spool, b"one", b"two", b"three")
    sent = published_by_script(spool, None, MessageSizeTooLargeError("no"), None)
    assert sent[:3] == [b"one", b"two", b"three"]
    assert b'"reason": "record too large"' in sent[3]
    assert sent[4:] == [b"three"]


def test_the_position_is_kept_only_up_to_what_is_acknowledged(spool: Spool) -> None:
    put(spool, b"one", b"two")
    sent: list[bytes] = []

    def broken() -> Iterator[Exception | None]:
        yield None
        while True:
            yield KafkaConnectionError("gone")

    answers = broken()
    publisher = Publisher(spool, Settings("h:1", "t"), connect=lambda _: ScriptedProducer(answers, sent))
    with Running(publisher):
        eventually(lambda: len(sent) > 2)
        assert publisher.trouble == "Kafka at h:1: KafkaConnectionError: gone"
    assert spool.acked.records == 1


def test_no_more_is_under_way_than_the_window_allows_and_nothing_counts_before_it_is_acknowledged(spool: Spool) -> None:
    put(spool, *(b"x" * 100 for _ in range(12)))
    under_way: list[Pending] = []

    class Silent(ScriptedProducer):
        def send(self, *_args: object, **_named: object) -> Future:
            under_way.append(Pending())
            return under_way[-1]

    publisher = Publisher(spool, Settings("h:1", "t", in_flight_records=5), connect=lambda _: Silent(iter(()), []))
    # Answers: (how many of the sent are acknowledged by now, how many may have been sent then).
    with Running(publisher):
        for acknowledged, sent in ((0, 5), (3, 8), (8, 12)):
            for future in under_way[:acknowledged]:
                if not future.is_done:
                    future.success(None)
            eventually(lambda acknowledged=acknowledged: publisher.acked.records == acknowledged)  # type: ignore[misc]
            time.sleep(0.3)  # time enough to do what it must not
            assert (publisher.acked.records, len(under_way)) == (acknowledged, sent)
        for future in under_way[8:]:
            future.success(None)
        eventually(lambda: publisher.acked == spool.durable)
