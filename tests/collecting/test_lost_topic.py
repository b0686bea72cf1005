"""A broker loses what it acknowledged, or the topic is made anew: the collector against a real one."""

from pathlib import Path

import pytest
from confluent_kafka import Producer
from kafka import KafkaAdminClient

from collecting.publish.producer import ProducerSettings
from collecting.publish.publisher import Publisher
from collecting.source_api import Line
from collecting.spool.spool import Spool
from tests.brokers import Broker
from tests.collecting.publish.test_publisher import Running, eventually

pytestmark = pytest.mark.kafka


class Collecting:
    """A spool that is published to one partition."""

    def __init__(self, directory: Path, broker: Broker, topic: str) -> None:
        self.spool = Spool(directory, budget_bytes=2**30)
        self.spool.begin("file:a", "a")
        self._settings = ProducerSettings(broker.bootstrap_servers, topic, request_timeout_s=2, connect_timeout_s=2)

    def publisher(self) -> Publisher:
        return Publisher(self.spool, self._settings)

    def put(self, numbers: range) -> None:
        for number in numbers:
            self.spool.append(Line(f"c{number}", b"%d" % number, "text"), 0)
        self.spool.sync()

    def publish(self, numbers: range) -> None:
        """As one process's life."""
        self.put(numbers)
        with Running(self.publisher()) as publisher:
            eventually(lambda: publisher.acked == self.spool.durable)


def numbers_in(broker: Broker, topic: str) -> list[int]:
    """Without repeats, in the order of their first appearance."""
    return list(dict.fromkeys(int(record.value) for record in broker.read(topic)))


@pytest.mark.parametrize("refilled", [0, 50], ids=["", "filled up again by another producer"])
def test_what_a_power_cut_takes_from_the_topic_is_sent_again_before_anything_new(
    tmp_path: Path, broker_of_its_own: Broker, refilled: int
) -> None:
    broker = broker_of_its_own
    topic = broker.create_topic("cut", 1)
    collecting = Collecting(tmp_path / "spool", broker, topic)
    collecting.publish(range(80))
    collecting.publish(range(80, 100))
    broker.lose_tail(topic, 0, records=80)
    other = Producer({"bootstrap.servers": broker.bootstrap_servers})
    for number in range(refilled):
        other.produce(topic, b"%d" % (1000 + number))
    assert other.flush(60) == 0
    collecting.publish(range(100, 150))
    found = [number for number in numbers_in(broker, topic) if number < 1000]
    collecting.spool.close()
    assert found == list(range(150))


def test_a_running_collector_sends_again_what_the_topic_loses_also_if_nothing_new_comes(
    tmp_path: Path, broker_of_its_own: Broker
) -> None:
    broker = broker_of_its_own
    topic = broker.create_topic("cut", 1)
    collecting = Collecting(tmp_path / "spool", broker, topic)
    with Running(collecting.publisher()) as publisher:
        for numbers in (range(80), range(80, 100)):
            collecting.put(numbers)
            eventually(lambda: publisher.acked == collecting.spool.durable)
        broker.lose_tail(topic, 0, records=80)
        eventually(lambda: len(broker.read(topic)) >= 100)
        eventually(lambda: publisher.acked == collecting.spool.durable)
    collecting.spool.close()
    assert numbers_in(broker, topic) == list(range(100))


def test_a_running_collector_notices_a_loss_while_it_sends(tmp_path: Path, broker_of_its_own: Broker) -> None:
    broker = broker_of_its_own
    topic = broker.create_topic("cut", 1)
    collecting = Collecting(tmp_path / "spool", broker, topic)
    with Running(collecting.publisher()) as publisher:
        collecting.put(range(80))
        eventually(lambda: publisher.acked == collecting.spool.durable)
        broker.lose_tail(topic, 0, records=0)  # all that this producer has sent: its sequence begins anew
        collecting.put(range(80, 130))
        eventually(lambda: publisher.acked == collecting.spool.durable and len(broker.read(topic)) >= 130)
    collecting.spool.close()
    assert set(numbers_in(broker, topic)) == set(range(130))


def test_a_topic_that_was_deleted_and_made_anew_gets_nothing_until_somebody_means_it(
    tmp_path: Path, broker: Broker
) -> None:
    topic = broker.create_topic("replaced", 1)
    collecting = Collecting(tmp_path / "spool", broker, topic)
    collecting.publish(range(10))
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    admin.delete_topics([topic])
    admin.close()
    broker.create_topic(topic, 1)
    collecting.put(range(10, 15))
    with Running(collecting.publisher()) as publisher:
        eventually(lambda: "made anew" in str(publisher.last_error))
        assert broker.read(topic) == []
        (tmp_path / "spool" / "cluster").unlink()
        eventually(lambda: publisher.acked == collecting.spool.durable)
    collecting.spool.close()
    assert numbers_in(broker, topic) == list(range(10, 15))
