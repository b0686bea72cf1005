"""Copies of topics are moved to a new broker by Kafka's own tool (docs/operations.md), while they are read."""

import json
import os
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from stack.cluster import kafka_access
from stack.config.settings import REPOSITORY
from tests.secured_cluster import BROKER, SecuredCluster, running_cluster

RECORDS = 2000
NAMES = ("kafka-1", "kafka-2", "kafka-3", "kafka-4")
TOPICS = '{"version":1,"topics":[{"topic":"posts"}]}'


def kafka_tool(cluster: SecuredCluster, *arguments: str, stdin: str = "") -> str:
    """Runs stack/cluster/kafka-tool as the documented command does, against the brokers on loopback."""
    authority = cluster.secrets / "authority"
    documented = (REPOSITORY / "stack" / "cluster" / "kafka-admin.properties").read_text()
    config = cluster.home / "kafka-admin.properties"
    config.write_text(documented.replace("/run/secrets/authority", str(authority)))
    java_home = os.environ.get("JAVA_HOME", "/usr")
    env = {"KAFKA_SERVERS": cluster.servers(BROKER), "KAFKA_CONFIG": str(config), "JAVA_HOME": java_home}
    env["HASHTIDE_PARTS"] = str(cluster.jars.parents[1])
    command = [str(REPOSITORY / "stack" / "cluster" / "kafka-tool"), *arguments]
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=120, env=os.environ | env, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


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
    consumer.assign([TopicPartition("posts", partition, 0) for partition in range(4)])
    found: dict[tuple[int, int], bytes] = {}
    with closing(consumer):
        for _ in range(60):
            for record in consumer.consume(records, timeout=1.0):
                if record.error() is None:
                    found[int(record.partition() or 0), int(record.offset() or 0)] = record.value() or b""
            if len(found) >= records:
                break
    return found


def _replicas(plan: str) -> list[list[int]]:
    partitions: list[dict[str, Any]] = json.loads(plan)["partitions"]
    return [each["replicas"] for each in sorted(partitions, key=lambda each: each["partition"])]


@pytest.mark.kafka
def test_a_fourth_broker_takes_its_share_and_no_offset_changes(kafka_jars: Path, tmp_path: Path) -> None:
    with running_cluster(tmp_path, kafka_jars, NAMES, started=NAMES[:3]) as cluster:
        authority = cluster.secrets / "authority"
        kafka_access.ensure_access(cluster.servers(BROKER), authority, cluster.passwords(), brokers=3, retention_days=1)
        _send(cluster, 0)
        before = _read(cluster, RECORDS)
        cluster.start("kafka-4")
        generate = ("reassign-partitions", "--topics-to-move-json-file", "/dev/stdin", "--broker-list", "1,2,3,4")
        plan = kafka_tool(cluster, *generate, "--generate", stdin=TOPICS).splitlines()[-1]
        assert {broker for replicas in _replicas(plan) for broker in replicas} == {1, 2, 3, 4}
        reassign = ("reassign-partitions", "--reassignment-json-file", "/dev/stdin")
        kafka_tool(cluster, *reassign, "--execute", stdin=plan)
        deadline = time.monotonic() + 120
        while "in progress" in (said := kafka_tool(cluster, *reassign, "--verify", stdin=plan)):
            assert time.monotonic() < deadline, said
        assert said.count("is completed") == 4
        cluster.kill("kafka-1")
        _send(cluster, RECORDS)
        after = _read(cluster, 2 * RECORDS)
        assert len(before) == RECORDS
        assert len(after) == 2 * RECORDS
        assert {place: after[place] for place in before} == before
