"""The job over a topic that is no longer the one that it has counted: a real broker that loses what it held."""

from collections.abc import Callable
from pathlib import Path
from threading import Timer

import pytest
from confluent_kafka import Producer
from kafka import KafkaAdminClient
from pyspark.sql import DataFrame, SparkSession

from contract.manifest import OffsetRange
from count import run
from counting.batches import CountLogWriter
from counting.settings import CountSettings, parse_arguments
from counting.topic_guard import Confirmed, TopicGuard, TopicReplaced
from tests.brokers import Broker
from tests.counting.count_log import latest_counts, manifests

pytestmark = [pytest.mark.kafka, pytest.mark.spark, pytest.mark.timeout(300)]
TOPIC = "posts"


def never() -> bool:
    return False


@pytest.fixture
def broker(broker_of_its_own: Broker) -> Broker:
    broker_of_its_own.create_topic(TOPIC, 1)
    return broker_of_its_own


@pytest.fixture
def told(broker: Broker, tmp_path: Path) -> CountSettings:
    options = ["--root", (tmp_path / "root").as_uri(), "--bootstrap-servers", broker.bootstrap_servers]
    return parse_arguments([*options, "--until-caught-up"])


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "root" / "counts" / "generation=1"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TopicGuard.__init__, "__defaults__", (20.0,))


def send(broker: Broker, first: int, until: int) -> None:
    """Texts that each count once, as one batch of Kafka's."""
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "acks": "all", "linger.ms": 100})
    for number in range(first, until):
        producer.produce(TOPIC, f"word{number}".encode(), partition=0, headers={"dialect": b"text"})
    assert producer.flush(60) == 0


def make_anew(broker: Broker) -> None:
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    admin.delete_topics([TOPIC])
    admin.close()
    broker.create_topic(TOPIC, 1)


def counted_words(log: Path) -> set[str]:
    return {term for metric, _, _, _, term in latest_counts(log) if metric == "word"}


def test_a_topic_that_lost_its_tail_and_was_filled_up_again_is_refused(
    spark: SparkSession, broker: Broker, told: CountSettings, log: Path
) -> None:
    send(broker, 0, 80)
    send(broker, 80, 100)
    run(spark, told, never)
    broker.lose_tail(TOPIC, 0, records=80)
    send(broker, 100, 150)
    with pytest.raises(TopicReplaced, match=r"posts\[0\]@80: the topic has lost its records from there to offset 100"):
        run(spark, told, never)
    assert [each["records"] for each in manifests(log)] == [100]


def test_a_topic_that_was_made_anew_and_filled_up_again_is_refused(
    spark: SparkSession, broker: Broker, told: CountSettings, log: Path
) -> None:
    send(broker, 0, 100)
    run(spark, told, never)
    make_anew(broker)
    send(broker, 100, 230)
    with pytest.raises(TopicReplaced, match="was deleted and made anew"):
        run(spark, told, never)
    assert [each["records"] for each in manifests(log)] == [100]


def test_a_topic_that_was_made_anew_is_refused_before_it_is_filled_up_again(
    spark: SparkSession, broker: Broker, told: CountSettings, log: Path
) -> None:
    send(broker, 0, 100)
    run(spark, told, never)
    make_anew(broker)
    send(broker, 100, 160)
    with pytest.raises(TopicReplaced, match=r"counting|new generation"):
        run(spark, told, never)
    assert [each["records"] for each in manifests(log)] == [100]
    assert [path.name for path in (log.parents[1] / "checkpoint/generation=1/offsets").glob("[0-9]*")] == ["0"]


def before_the_commit_of(batch_id: int, monkeypatch: pytest.MonkeyPatch, do: Callable[[], None]) -> None:
    """Does something once, when a batch has read its records."""
    confirm, calls = TopicGuard.confirm, []

    def confirm_after(guard: TopicGuard, ranges: list[OffsetRange]) -> Confirmed:
        calls.append(ranges)
        if len(calls) == batch_id + 1:
            do()
        return confirm(guard, ranges)

    monkeypatch.setattr(TopicGuard, "confirm", confirm_after)


def after_the_first_commit(monkeypatch: pytest.MonkeyPatch, do: Callable[[], None]) -> None:
    """Does something once, between the first batch and the second."""
    write, calls = CountLogWriter.write, []

    def write_and_do(writer: CountLogWriter, counts: DataFrame, batch_id: int) -> None:
        write(writer, counts, batch_id)
        calls.append(batch_id)
        if len(calls) == 1:
            do()

    monkeypatch.setattr(CountLogWriter, "write", write_and_do)


def words_in(broker: Broker, until: int) -> set[str]:
    return {record.value.decode() for record in broker.read(TOPIC) if record.offset < until}


def test_a_batch_is_read_again_where_the_topic_lost_some_of_it_before_the_commit(
    spark: SparkSession, broker: Broker, told: CountSettings, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose_and_fill_up() -> None:
        broker.lose_tail(TOPIC, 0, records=80)
        send(broker, 100, 150)

    send(broker, 0, 80)
    send(broker, 80, 100)
    before_the_commit_of(0, monkeypatch, lose_and_fill_up)
    run(spark, told, never)
    assert counted_words(log) == words_in(broker, sum(each["records"] for each in manifests(log)))


def test_what_executors_have_fetched_ahead_is_not_counted_where_the_topic_lost_it(
    spark: SparkSession, broker: Broker, told: CountSettings, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose_and_fill_up() -> None:
        broker.lose_tail(TOPIC, 0, records=60)
        send(broker, 100, 150)

    for first in range(0, 100, 20):
        send(broker, first, first + 20)
    after_the_first_commit(monkeypatch, lose_and_fill_up)
    run(spark, told.model_copy(update={"max_records_per_batch": 50}), never)
    assert counted_words(log) == words_in(broker, sum(each["records"] for each in manifests(log)))


def test_a_batch_that_ends_beyond_the_topic_waits_for_a_collector_that_fills_it_up(
    spark: SparkSession, broker: Broker, told: CountSettings, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose_and_fill_up_later() -> None:
        broker.lose_tail(TOPIC, 0, records=80)
        Timer(5, send, (broker, 80, 100)).start()

    send(broker, 0, 80)
    send(broker, 80, 100)
    before_the_commit_of(0, monkeypatch, lose_and_fill_up_later)
    run(spark, told, never)
    assert counted_words(log) == {f"word{number}" for number in range(100)}


def test_a_batch_that_ends_beyond_the_topic_is_refused_where_nobody_fills_it_up(
    spark: SparkSession, broker: Broker, told: CountSettings, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(broker, 0, 80)
    send(broker, 80, 100)
    before_the_commit_of(0, monkeypatch, lambda: broker.lose_tail(TOPIC, 0, records=80))
    with pytest.raises(TopicReplaced, match=r"posts\[0\] ends at offset 80, but .* start the collector"):
        run(spark, told, never)
    assert manifests(log) == []


def test_brokers_that_start_again_cost_a_reading_and_no_count(
    spark: SparkSession, broker: Broker, told: CountSettings, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def restart() -> None:
        broker.stop()
        broker.start()

    send(broker, 0, 100)
    before_the_commit_of(1, monkeypatch, restart)
    run(spark, told.model_copy(update={"max_records_per_batch": 40}), never)
    assert [each["records"] for each in manifests(log)] == [40, 40, 20]
    assert counted_words(log) == {f"word{number}" for number in range(100)}


def test_a_topic_that_is_made_anew_while_the_job_runs_is_refused(
    spark: SparkSession, broker: Broker, told: CountSettings, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make_anew_and_fill_up() -> None:
        make_anew(broker)
        send(broker, 100, 230)

    send(broker, 0, 100)
    after_the_first_commit(monkeypatch, make_anew_and_fill_up)
    with pytest.raises(TopicReplaced, match="was deleted and made anew"):
        run(spark, told.model_copy(update={"max_records_per_batch": 50}), never)
    assert [each["records"] for each in manifests(log)] == [50]
