"""Status: what people and programs read."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from rich.console import Console

from contract.manifest import Manifest, OffsetRange
from stack.observe.lags import Lags, age, count_lag
from stack.observe.status import ServiceStatus, Status, as_json, as_table

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
KAFKA = ServiceStatus("kafka", "Kafka", "running", pid=42, up_s=61.0, memory_mb=380.4, restarts=2, health="healthy")
DEAD = ServiceStatus("namenode", "HDFS NameNode", "backoff", restarts=7, health="no answer (ConnectionError)")
LAGS = Lags(
    source="simulator:posts=10",
    collector="running",
    collect_lag_records=3,
    stream="RUNNING",
    count_lag_records=1200,
    compact_lag_batches=1,
    last_batch_id=17,
    last_batch_at=NOW - timedelta(seconds=9),
    last_compaction_at=NOW - timedelta(minutes=3),
    report_day=date(2026, 1, 30),
    report_revision=2,
    report_made_at=NOW - timedelta(hours=11),
    records=10,
    posts=9,
)


def _status(*services: ServiceStatus, lags: Lags = LAGS) -> Status:
    return Status("/srv/hashtide", "http://127.0.0.1:8080", services, lags)


def _text(status: Status) -> str:
    console = Console(width=120, color_system=None)
    with console.capture() as captured:
        console.print(as_table(status, NOW))
    return "\n".join(" ".join(line.split()) for line in captured.get().splitlines())


def test_the_table_shows_each_process_and_each_stage() -> None:
    lines = _text(_status(KAFKA, DEAD)).splitlines()
    assert "Kafka running 42 61 s 380 MB 2 healthy" in lines
    assert "HDFS NameNode backoff – – – 7 no answer (ConnectionError)" in lines
    assert "collect running 3 records simulator:posts=10" in lines
    assert "count running 1,200 records batch 17, 9 s ago" in lines
    assert "compact 1 batch 3 min ago" in lines
    assert "report 2026-01-30, revision 2, 11 h ago" in lines


def test_what_holds_a_stage_up_is_said_below_the_stages() -> None:
    lags = replace(LAGS, collect_error="the topic was made anew", count_error="posts[0]@80: the topic has lost records")
    lines = _text(_status(KAFKA, lags=lags)).splitlines()
    assert lines[-2:] == ["collect: the topic was made anew", "count: posts[0]@80: the topic has lost records"]


def test_what_cant_be_seen_is_said_to_be_unknown() -> None:
    lines = _text(_status(DEAD, lags=Lags())).splitlines()
    assert "collect unknown unknown –" in lines
    assert "count unknown unknown –" in lines
    assert "compact unknown –" in lines


def test_what_no_supervisor_knows_has_no_column() -> None:
    away = ServiceStatus("kafka-2", "Kafka broker 2", "away", health="not in the cluster")
    lines = _text(_status(ServiceStatus("kafka-1", "Kafka broker 1", "running", health="healthy"), away)).splitlines()
    assert lines[0] == "process state health"
    assert "all" not in lines, "there is nothing to sum up"
    assert "Kafka broker 2 away not in the cluster" in lines
    assert _text(_status(KAFKA)).splitlines()[0] == "process state pid up memory restarts health"
    assert "Kafka broker 2 away – – – – not in the cluster" in _text(_status(KAFKA, away)).splitlines()


def test_programs_get_the_same_as_json() -> None:
    found = json.loads(as_json(_status(KAFKA, DEAD)))
    assert found["services"][0] == {
        "name": "kafka",
        "title": "Kafka",
        "state": "running",
        "pid": 42,
        "up_s": 61.0,
        "memory_mb": 380.4,
        "restarts": 2,
        "containers": None,
        "health": "healthy",
    }
    assert found["healthy"] is False
    assert found["lags"]["report_day"] == "2026-01-30"
    assert found["lags"]["last_batch_at"] == "2026-01-31T11:59:51+00:00"


def test_a_stack_is_healthy_only_if_every_process_is() -> None:
    assert _status(KAFKA).is_healthy
    assert not _status(KAFKA, DEAD).is_healthy


def test_the_lag_of_the_count_is_what_no_committed_batch_has_read() -> None:
    ranges = [OffsetRange("posts", 0, 0, 90), OffsetRange("posts", 1, 0, 100)]
    manifest = Manifest(1, 4, datetime(2026, 1, 1, tzinfo=UTC), None, ranges, 190, 0, [])
    assert count_lag({0: 100, 1: 100}, 4, manifest) == 10
    assert count_lag({0: 100, 1: 100}, -1, None) == 200


@pytest.mark.parametrize(("ends", "newest"), [(None, 4), ({0: 100}, None), ({0: 100}, 4)])
def test_the_lag_of_the_count_is_unknown_where_kafka_or_hdfs_is_away(
    ends: dict[int, int] | None, newest: int | None
) -> None:
    assert count_lag(ends, newest, None) is None


@pytest.mark.parametrize(
    ("seconds", "words"), [(5, "5 s ago"), (300, "5 min ago"), (10_800, "3 h ago"), (259_200, "3 days ago")]
)
def test_an_age_is_shown_in_the_unit_that_fits(seconds: int, words: str) -> None:
    assert age(NOW - timedelta(seconds=seconds), NOW) == words


def test_a_failed_stage_is_not_healthy() -> None:
    assert _status(KAFKA).is_healthy
    assert not _status(KAFKA, lags=replace(LAGS, collector="failed")).is_healthy
    assert not _status(KAFKA, lags=replace(LAGS, stream="KILLED")).is_healthy
