"""Copies of topics go around the brokers, while they are written and read."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka import TopicPartition as Place
from kafka import KafkaAdminClient, TopicPartition

from stack.cluster import kafka_access
from stack.cluster.spread import administrator, plan, spread
from stack.config.errors import StackError
from tests.secured_cluster import BROKER, SecuredCluster, running_cluster

RECORDS = 2000
NAMES = ("kafka-1", "kafka-2", "kafka-3", "kafka-4")


def topic(name: str, *replicas: list[int]) -> dict[str, Any]:
    """As `describe_topics` has it."""
    return {
        "name": name,
        "partitions": [{"partition_index": index, "replica_nodes": each} for index, each in enumerate(replicas)],
    }


def test_a_fourth_broker_gets_its_share_and_leads_its_part() -> None:
    found = plan([topic("posts", [1, 2, 3], [3, 1, 2], [2, 3, 1], [1, 2, 3])], range(1, 5))
    assert {where.partition: places for where, places in found.items()} == {
        1: [2, 3, 4],
        2: [3, 4, 1],
        3: [4, 1, 2],
    }


def test_what_is_spread_already_is_left_as_it_is() -> None:
    spread_out = topic("posts", [1, 2, 3], [2, 3, 4], [3, 4, 1], [4, 1, 2])
    assert plan([spread_out], range(1, 5)) == {}
    assert plan([spread_out], range(1, 4)) == {
        TopicPartition("posts", 1): [2, 3, 1],
        TopicPartition("posts", 2): [3, 1, 2],
        TopicPartition("posts", 3): [1, 2, 3],
    }


def test_a_topic_keeps_as_many_copies_as_it_has_or_nothing_is_moved() -> None:
    assert plan([topic("small", [2])], range(1, 5)) == {TopicPartition("small", 0): [1]}
    with pytest.raises(StackError, match="posts has 4 copies, which 3 brokers"):
        plan([topic("posts", [1, 2, 3, 4])], range(1, 4))


class Stuck:
    """A Kafka that moves a partition for ever, since its fourth broker has gone."""

    def list_partition_reassignments(self) -> dict[TopicPartition, object]:
        return {TopicPartition("posts", 1): {}}

    def describe_cluster(self) -> dict[str, Any]:
        return {"brokers": [{"broker_id": number, "is_fenced": number == 4} for number in range(1, 5)]}


def test_the_wait_has_a_limit_and_says_who_holds_it_up() -> None:
    said: list[str] = []
    with pytest.raises(StackError, match="Kafka goes on by itself"):
        spread(Stuck(), range(1, 5), 1.0, said.append)
    assert said == ["partitions that are being moved: 1; kafka-4 is away"]


def _send(cluster: SecuredCluster, first: int) -> None:
    failed: list[object] = []
    producer = Producer({**cluster.client("collector"), "enable.idempotence": True, "acks": "all"})
    for number in range(first, first + RECORDS):
        producer.produce("posts", f"post {number}", on_delivery=lambda error, _: failed.append(error))
    assert producer.flush(60) == 0
    assert set(failed) == {None}


def _read(cluster: SecuredCluster, records: int) -> dict[tuple[int, int], bytes]:
    """Partition and offset → value."""
    consumer = Consumer({**cluster.client("counter"), "group.id": "hashtide-look", "enable.auto.commit": False})
    consumer.assign([Place("posts", partition, 0) for partition in range(4)])
    found: dict[tuple[int, int], bytes] = {}
    with closing(consumer):
        for _ in range(60):
            for record in consumer.consume(records, timeout=1.0):
                if record.error() is None:
                    found[int(record.partition() or 0), int(record.offset() or 0)] = record.value() or b""
            if len(found) >= records:
                break
    return found


def _living(admin: KafkaAdminClient) -> list[list[int]]:
    (posts,) = admin.describe_topics(["posts"])
    return [partition["replica_nodes"] for partition in sorted(posts["partitions"], key=lambda p: p["partition_index"])]


@pytest.mark.kafka
def test_a_fourth_broker_comes_takes_its_share_and_no_offset_changes(kafka_jars: Path, tmp_path: Path) -> None:
    with running_cluster(tmp_path, kafka_jars, NAMES, started=NAMES[:3]) as cluster:
        authority = cluster.secrets / "authority"
        kafka_access.ensure_access(cluster.servers(BROKER), authority, cluster.passwords(), brokers=3, retention_days=1)
        _send(cluster, 0)
        before = _read(cluster, RECORDS)
        said: list[str] = []
        with closing(administrator(cluster.servers(BROKER), authority)) as admin:
            with pytest.raises(StackError, match="kafka-4 is not in the cluster"):
                spread(admin, range(1, 5), 60, said.append)
            cluster.start("kafka-4")
            moved = spread(admin, range(1, 5), 120, said.append)
            assert sorted(where.partition for where in moved if where.topic == "posts") in ([1, 2, 3], [0, 1, 2, 3])
            assert _living(admin) == [[1, 2, 3], [2, 3, 4], [3, 4, 1], [4, 1, 2]]
            assert spread(admin, range(1, 5), 60, said.append) == {}
        assert "being moved" in said[0]
        cluster.kill("kafka-1")
        _send(cluster, RECORDS)
        after = _read(cluster, 2 * RECORDS)
        assert len(before) == RECORDS
        assert len(after) == 2 * RECORDS
        assert {place: after[place] for place in before} == before
