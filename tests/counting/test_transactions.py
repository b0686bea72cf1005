"""A foreign producer's transactions in the topic: what it committed counts, what it aborted was never sent."""

from pathlib import Path

import pytest
from confluent_kafka import Producer
from pyspark.sql import SparkSession

from count import run
from counting.settings import parse_arguments
from tests.brokers import Broker
from tests.counting.count_log import latest_counts, manifests

pytestmark = [pytest.mark.kafka, pytest.mark.spark, pytest.mark.timeout(300)]


def never() -> bool:
    return False


def transaction(producer: Producer, topic: str, words: range, *, commit: bool) -> None:
    producer.begin_transaction()
    for number in words:
        producer.produce(topic, f"word{number}".encode(), partition=0, headers={"dialect": b"text"})
    producer.flush(60)
    (producer.commit_transaction if commit else producer.abort_transaction)(60)


def test_only_what_a_transaction_committed_is_counted_and_the_rest_is_no_duplicate(
    spark: SparkSession, tmp_path: Path, broker: Broker
) -> None:
    topic = broker.create_topic("transactions", 2)
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "transactional.id": "foreign"})
    producer.init_transactions(60)
    transaction(producer, topic, range(10), commit=True)
    transaction(producer, topic, range(10, 15), commit=False)
    options = ["--root", tmp_path.as_uri(), "--bootstrap-servers", broker.bootstrap_servers, "--topic", topic]
    settings = parse_arguments([*options, "--until-caught-up", "--dedup-window-min", "7"])
    run(spark, settings, never)
    transaction(producer, topic, range(15, 17), commit=False)
    transaction(producer, topic, range(9, 11), commit=True)
    run(spark, settings, never)

    log = tmp_path / "counts" / "generation=1"
    counted = {term: posts for (metric, _, _, _, term), (posts, _) in latest_counts(log).items() if metric == "word"}
    assert counted == {f"word{number}": 2 if number == 9 else 1 for number in range(11)}
    assert [(each["records"], each["unread"]) for each in manifests(log)] == [(17, 7), (6, 4)]
    assert {each["dedup_window_min"] for each in manifests(log)} == {7}
