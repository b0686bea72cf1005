"""What a topic's log still holds, asked of a real broker that is killed and loses its tail."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from confluent_kafka import Producer
from kafka import KafkaAdminClient

from contract.topic_log import Ends, LogEnd, TopicLog
from contract.topic_log_client import LogUnknown, TopicLogClient
from tests.brokers import Broker


def send(broker: Broker, topic: str, count: int) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "acks": "all"})
    for number in range(count):
        producer.produce(topic, b"%d" % number, partition=0)
    assert producer.flush(60) == 0


def read(broker: Broker, topic: str, known: Ends) -> TopicLog:
    """As soon as the broker knows it."""
    deadline = time.monotonic() + 30
    with asking(broker) as client:
        while True:
            try:
                return client.read(topic, known)
            except LogUnknown:
                assert time.monotonic() < deadline, "not in time"
                time.sleep(0.1)


@contextmanager
def asking(broker: Broker) -> Iterator[TopicLogClient]:
    client = TopicLogClient(broker.bootstrap_servers)
    try:
        yield client
    finally:
        client.close()


def test_a_log_that_reaches_as_far_as_known_has_lost_nothing() -> None:
    log = TopicLog("id", {}, {0: 100, 1: 7})
    assert log.lost({0: LogEnd(100, 3), 1: LogEnd(5, None)}) == {}


def test_a_log_that_ends_before_what_is_known_names_partition_and_offset() -> None:
    log = TopicLog("id", {}, {0: 80, 1: 7})
    assert log.lost({0: LogEnd(100, 3), 1: LogEnd(5, 3)}) == {0: 80}


def test_a_partition_that_is_gone_has_lost_everything() -> None:
    assert TopicLog("id", {}, {}).lost({4: LogEnd(1, 0)}) == {4: 0}


@pytest.mark.kafka
def test_ends_and_epochs_are_those_of_the_broker(broker: Broker) -> None:
    topic = broker.create_topic("log", 2)
    send(broker, topic, 5)
    log = read(broker, topic, {0: LogEnd(5, 0), 1: LogEnd(0, None)})
    assert (log.ends, log.same_until) == ({0: LogEnd(5, 0), 1: LogEnd(0, 0)}, {0: 5, 1: 0})


@pytest.mark.kafka
def test_a_topic_made_anew_has_another_id(broker: Broker) -> None:
    topic = broker.create_topic("anew", 1)
    before = read(broker, topic, {}).topic_id
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    admin.delete_topics([topic])
    admin.close()
    broker.create_topic(topic, 1)
    assert before not in (None, read(broker, topic, {}).topic_id)


@pytest.mark.kafka
def test_a_topic_that_is_not_there_is_unknown(broker: Broker) -> None:
    with asking(broker) as client, pytest.raises(LogUnknown, match="not-there"):
        client.read("not-there", {})


@pytest.mark.kafka
def test_a_tail_that_was_lost_and_filled_up_again_by_another_producer_is_seen(broker_of_its_own: Broker) -> None:
    broker = broker_of_its_own
    topic = broker.create_topic("refilled", 1)
    send(broker, topic, 80)
    send(broker, topic, 20)
    known = read(broker, topic, {}).ends
    broker.lose_tail(topic, 0, records=80)
    send(broker, topic, 50)
    log = read(broker, topic, known)
    assert log.ends[0].offset == 130
    assert log.lost(known) == {0: 80}


@pytest.mark.kafka
def test_a_restart_without_a_loss_has_lost_nothing(broker_of_its_own: Broker) -> None:
    broker = broker_of_its_own
    topic = broker.create_topic("restarted", 1)
    send(broker, topic, 100)
    known = read(broker, topic, {}).ends
    broker.stop(kill=True)
    broker.start()
    send(broker, topic, 1)
    assert read(broker, topic, known).lost(known) == {}
