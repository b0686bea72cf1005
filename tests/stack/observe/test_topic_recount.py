"""The topic read from outside, at a real broker."""

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import Producer
from kafka import KafkaProducer

from stack.observe.kafka_client import open_consumer
from stack.observe.topic_recount import PartitionRecount, TopicError, TopicRecount, end_offsets, recount_topic
from tests.brokers import Broker

pytestmark = pytest.mark.kafka

HEADERS = [("collector", b"test")]


def recount(broker: Broker, topic: str, processed_at: Callable[[int, int], float], **more: Any) -> TopicRecount:
    with open_consumer(broker.bootstrap_servers) as consumer:
        return recount_topic(consumer, topic, processed_at, window_s=7200.0, **more)


def ends(broker: Broker, topic: str) -> dict[int, int]:
    with open_consumer(broker.bootstrap_servers) as consumer:
        return end_offsets(consumer, topic)


def send(broker: Broker, topic: str, *keys: bytes | None, headers: list[tuple[str, bytes]] | None = None) -> None:
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap_servers)
    try:
        for number, key in enumerate(keys):
            sent = producer.send(
                topic, key=key, value=b"{}", headers=HEADERS if headers is None else headers, partition=number % 2
            )
            sent.get(timeout=30)
    finally:
        producer.close()


def test_records_and_identities_are_counted_over_all_partitions(broker: Broker) -> None:
    topic = broker.create_topic("recount-all", partitions=3)
    send(broker, topic, b"x:1", b"x:2", b"x:1", b"line:a:1", b"x:3")
    found = recount(broker, topic, lambda _partition, _offset: 0.0)
    assert found.partitions == {
        0: PartitionRecount(0, 3, 3),
        1: PartitionRecount(0, 2, 2),
        2: PartitionRecount(0, 0, 0),
    }
    assert (found.records, found.distinct, found.repeats_beyond_window) == (5, 4, 0)
    assert ends(broker, topic) == {0: 3, 1: 2, 2: 0}


def test_posts_are_identified_by_key_and_a_marker_is_no_repeat_of_its_post(broker: Broker) -> None:
    topic = broker.create_topic("recount-networks", partitions=2)
    send(broker, topic, *[b"jetstream:did:plc:a/k", b"mastodon:https://a/1", b"x:1"] * 2)
    send(broker, topic, b"x:1", headers=[*HEADERS, ("dialect", b"hashtide")])
    found = recount(broker, topic, lambda _partition, _offset: 0.0)
    assert (found.records, found.distinct) == (7, 4)


def test_a_repeat_is_far_or_near_by_the_batches_that_read_it(broker: Broker) -> None:
    topic = broker.create_topic("recount-far", partitions=2)
    send(broker, topic, b"x:1", b"x:2", b"x:1", b"x:2")
    found = recount(broker, topic, lambda partition, offset: offset * 7200.5 * partition)
    assert (found.distinct, found.repeats_beyond_window) == (2, 1)


@pytest.mark.parametrize(("key", "headers"), [(b"a", []), (None, HEADERS)])
def test_another_producers_records_are_counted_but_not_identified(
    broker: Broker, key: bytes | None, headers: list[tuple[str, bytes]]
) -> None:
    topic = broker.create_topic(f"recount-foreign-{bool(headers)}", partitions=2)
    send(broker, topic, b"x:1")
    send(broker, topic, key, headers=headers)
    found = recount(broker, topic, lambda _partition, _offset: 0.0)
    assert (found.records, found.distinct) == (2, None)
    assert "not from our collector" in found.why_not


def test_too_many_records_are_counted_but_not_identified(broker: Broker) -> None:
    topic = broker.create_topic("recount-many", partitions=2)
    send(broker, topic, b"x:1", b"x:2")
    found = recount(broker, topic, lambda _partition, _offset: 0.0, limit=1)
    assert (found.records, found.distinct, found.why_not) == (2, None, "more than 1 records")


def test_a_topic_that_is_not_there_is_named(broker: Broker) -> None:
    with pytest.raises(TopicError, match="Kafka has no topic nowhere"):
        ends(broker, "nowhere")


def test_what_a_transaction_aborted_and_its_markers_are_offsets_without_a_record(broker: Broker) -> None:
    topic = broker.create_topic("recount-transactions", partitions=1)
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "transactional.id": "recounted"})
    producer.init_transactions(60)
    for keys, end in ((range(10), producer.commit_transaction), (range(10, 15), producer.abort_transaction)):
        producer.begin_transaction()
        for number in keys:
            producer.produce(topic, b"{}", b"x:%d" % number, 0, headers={"collector": b"test"})
        producer.flush(60)
        end(60)
    found = recount(broker, topic, lambda _partition, _offset: 0.0)
    assert (found.offsets, found.records, found.distinct) == (17, 10, 10)
    assert ends(broker, topic) == {0: 17}
