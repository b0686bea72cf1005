"""What a real broker's topic holds."""

from datetime import UTC, datetime, timedelta

import pytest
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient

from contract.job import JobFailedError
from contract.kafka_client import PLAIN
from contract.topic_log import LogEnd
from contract.topic_log_client import TopicLogClient
from recounting.topic import Counted, held
from tests.brokers import Broker

pytestmark = pytest.mark.kafka
NOTHING = Counted("", {})


def fill(broker: Broker, topic: str, records: int) -> None:
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap_servers)
    for n in range(records):
        producer.send(topic, value=str(n).encode(), partition=0)
    producer.close()


def test_each_partition_says_from_where_to_where_and_since_when(broker: Broker) -> None:
    topic = broker.create_topic("held", 2)
    fill(broker, topic, 5)
    found = held(broker.bootstrap_servers, topic, PLAIN, NOTHING)
    assert [found[0][:2], found[1]] == [(0, 5), (0, 0, None, None)]
    assert found[0].since is not None
    assert abs(found[0].since - datetime.now(UTC)) < timedelta(minutes=5)


def test_a_topic_made_anew_has_nothing_of_what_was_counted_though_it_is_as_long(broker: Broker) -> None:
    topic = broker.create_topic("held-anew", 1)
    fill(broker, topic, 5)
    client = TopicLogClient(broker.bootstrap_servers)
    before = client.read(topic, {})
    client.close()
    counted = Counted(before.topic_id or "", {0: LogEnd(5, before.ends[0].epoch)})
    assert held(broker.bootstrap_servers, topic, PLAIN, counted)[0].same_until == 5
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    admin.delete_topics([topic])
    admin.close()
    broker.create_topic("held-anew", 1)
    fill(broker, topic, 5)
    assert held(broker.bootstrap_servers, topic, PLAIN, counted)[0].same_until == 0


def test_a_topic_that_does_not_exist_is_said_so(broker: Broker) -> None:
    with pytest.raises(JobFailedError, match="nowhere"):
        held(broker.bootstrap_servers, "nowhere", PLAIN, NOTHING)
