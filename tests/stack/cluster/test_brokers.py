"""Which brokers live, and which are behind."""

import json
from pathlib import Path
from typing import Any

import pytest

from stack.cluster.brokers import Brokers, BrokersAwayError, describe_brokers, seen
from tests.brokers import Broker
from tests.secured_broker import SecuredBroker


def node(number: int, *, fenced: bool = False) -> dict[str, Any]:
    return {"broker_id": number, "host": f"kafka-{number}", "port": 9092, "is_fenced": fenced}


def partition(in_sync: list[int]) -> dict[str, Any]:
    return {"partition_index": 0, "replica_nodes": [1, 2, 3], "isr_nodes": in_sync}


def test_a_fenced_broker_is_not_alive_and_who_is_not_in_sync_is_behind() -> None:
    found = seen(
        [node(1), node(2), node(3, fenced=True)],
        [{"name": "posts", "partitions": [partition([1, 2]), partition([1]), partition([1, 2])]}],
    )
    assert found == Brokers(frozenset({"kafka-1", "kafka-2"}), {"kafka-2": 1, "kafka-3": 3}, 3)


def test_a_broker_that_left_the_metadata_is_behind_by_its_number() -> None:
    found = seen([node(1)], [{"name": "posts", "partitions": [partition([1])]}])
    assert found.behind == {"2": 1, "3": 1}


@pytest.mark.kafka
def test_a_real_broker_says_who_is_there_and_in_sync(broker: Broker) -> None:
    topic = broker.create_topic("looked-at", partitions=3)
    found = describe_brokers(broker.bootstrap_servers, None, topic, 10.0)
    assert found == Brokers(frozenset({"127.0.0.1"}), {}, 3)


@pytest.mark.kafka
def test_a_secured_broker_answers_only_who_may_read_the_topic(secured_broker: SecuredBroker, tmp_path: Path) -> None:
    def ask(**changed: str | None) -> Brokers:
        file = tmp_path / "client.json"
        file.write_text(json.dumps(secured_broker.client("counter", **changed)))
        file.chmod(0o600)
        return describe_brokers(secured_broker.bootstrap_servers, file, "posts", 5.0)

    assert ask() == Brokers(frozenset({"localhost"}), {}, 4)
    with pytest.raises(BrokersAwayError):
        ask(sasl_password="wrong")


def test_an_unreachable_broker_is_reported_within_the_limit() -> None:
    with pytest.raises(BrokersAwayError, match="no answer"):
        describe_brokers("127.0.0.1:1", None, "posts", 1.0)


def test_a_file_that_cant_be_used_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "client.json"
    file.write_text("{}")
    file.chmod(0o600)
    with pytest.raises(BrokersAwayError, match=r"client\.json: security\.protocol: must be one of"):
        describe_brokers("127.0.0.1:1", file, "posts", 1.0)
