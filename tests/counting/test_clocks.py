"""A wrong clock: what Spark would drop is refused by the batch's plan, and a clock that is ahead never gets so far."""

import json
import os
import re
from pathlib import Path

import pytest
from pyspark.errors import StreamingQueryException
from pyspark.sql import SparkSession

from contract.manifest import OffsetRange
from count import run
from counting.batches import CountLogWriter
from counting.checkpoint import Planned
from counting.clocks import MAX_AHEAD_S, ClockAhead, RowsDropped, require_above_watermark, require_not_ahead
from tests.brokers import Broker
from tests.counting.count_log import assert_exact, manifests
from tests.counting.test_count import Job, fill, never, settings

HOUR_MS = 3_600_000
RECORDS = [OffsetRange("posts", 0, 5, 9)]


def test_a_batch_above_its_watermark_may_run() -> None:
    require_above_watermark(7, Planned(RECORDS, 1_001, 1_000))


def test_a_batch_at_its_watermark_is_refused_with_the_way_out() -> None:
    with pytest.raises(RowsDropped, match=r"batch 7: its time 1970.* Its 4 records would be dropped.*hashtide recount"):
        require_above_watermark(7, Planned(RECORDS, 1_000, 1_000))


def test_an_empty_batch_has_nothing_to_drop() -> None:
    require_above_watermark(7, Planned([OffsetRange("posts", 0, 5, 5)], 1_000, 1_000))


def test_a_plan_may_be_a_bound_older_than_its_batch() -> None:
    require_not_ahead(7, Planned(RECORDS, 5_000_000, 0), 5_000_000 - MAX_AHEAD_S * 1000)


def test_a_clock_beyond_the_bound_is_refused_with_how_far() -> None:
    with pytest.raises(ClockAhead, match=r"batch 7: the driver's clock is 601 s ahead of the file system's.*NTP"):
        require_not_ahead(7, Planned(RECORDS, 5_601_000, 0), 5_000_000)


@pytest.fixture
def posts(broker: Broker, request: pytest.FixtureRequest) -> str:
    topic = broker.create_topic(re.sub(r"\W", "-", request.node.name), 2)
    fill(broker, topic, 3_000)
    return topic


def plan_with_clock(
    spark: SparkSession, job: Job, options: object, batch_id: int, ahead_ms: int, *, all_clocks: bool
) -> None:
    """Runs until `batch_id` is planned and no further, as a kill would, then moves the plan's clock.

    The time is the driver's; with `all_clocks` the file system's too, as on one machine.
    """
    write = CountLogWriter.write

    def end_at(self: CountLogWriter, counts: object, number: int) -> None:
        if number == batch_id:
            raise RuntimeError("killed")
        write(self, counts, number)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(CountLogWriter, "write", end_at)
        with pytest.raises(StreamingQueryException):
            run(spark, options, never)  # type: ignore[arg-type]
    plan = job.checkpoint / "offsets" / str(batch_id)
    version, metadata, offsets = plan.read_text().splitlines()
    times = json.loads(metadata)
    times["batchTimestampMs"] += ahead_ms
    plan.write_text("\n".join([version, json.dumps(times), offsets]))
    plan.with_name(f".{batch_id}.crc").unlink()
    if all_clocks:
        os.utime(plan, (times["batchTimestampMs"] / 1000,) * 2)


@pytest.mark.kafka
@pytest.mark.spark
@pytest.mark.timeout(900)
def test_after_a_jump_beyond_the_window_nothing_is_committed(
    spark: SparkSession, tmp_path: Path, broker: Broker, posts: str
) -> None:
    job, told = Job(tmp_path, broker, posts), settings(tmp_path, broker, posts, max_records_per_batch=900)
    plan_with_clock(spark, job, told, 1, 3 * HOUR_MS, all_clocks=True)
    with pytest.raises(RowsDropped, match=r"batch 2: its time .* is not after the watermark"):
        run(spark, told, never)
    assert [each["batch_id"] for each in manifests(job.log)] == [0, 1]
    assert job.committed() == {0, 1}
    marker = tmp_path / "checkpoint" / "generation=1.dropped"
    marker.unlink()  # killed before it was written: the next start finds the same plan
    with pytest.raises(RowsDropped, match="batch 2: its time"):
        run(spark, told, never)
    assert "hashtide recount" in marker.read_text()
    assert job.committed() == {0, 1}


@pytest.mark.kafka
@pytest.mark.spark
@pytest.mark.timeout(900)
@pytest.mark.parametrize("batch_id", [0, 1])
def test_a_batch_of_a_clock_ahead_is_planned_again_and_the_counts_are_exact(
    spark: SparkSession, tmp_path: Path, broker: Broker, posts: str, batch_id: int
) -> None:
    job, told = Job(tmp_path, broker, posts), settings(tmp_path, broker, posts, max_records_per_batch=900)
    plan_with_clock(spark, job, told, batch_id, 3 * HOUR_MS, all_clocks=False)
    with pytest.raises(ClockAhead, match=f"batch {batch_id}: the driver's clock is 10,[0-9]+ s ahead"):
        run(spark, told, never)
    assert [each["batch_id"] for each in manifests(job.log)] == list(range(batch_id))
    assert not (job.checkpoint / "offsets" / str(batch_id)).exists()
    run(spark, told, never)
    assert_exact(broker.read(posts), job.log)


@pytest.mark.kafka
@pytest.mark.spark
@pytest.mark.timeout(900)
def test_a_jump_within_the_window_leaves_the_counts_exact(
    spark: SparkSession, tmp_path: Path, broker: Broker, posts: str
) -> None:
    job, told = Job(tmp_path, broker, posts), settings(tmp_path, broker, posts, max_records_per_batch=900)
    plan_with_clock(spark, job, told, 1, 2 * HOUR_MS - 120_000, all_clocks=True)
    run(spark, told, never)
    assert len(manifests(job.log)) >= 4
    assert_exact(broker.read(posts), job.log)


@pytest.mark.spark
def test_only_the_newest_plan_without_a_commit_may_be_discarded(spark: SparkSession, tmp_path: Path) -> None:
    from counting.checkpoint import Checkpoint
    from counting.files import Files

    for name in ("offsets/3", "offsets/4", "commits/3"):
        (tmp_path / "c" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "c" / name).touch()
    checkpoint = Checkpoint(Files(spark, tmp_path.as_uri()), "c")
    with pytest.raises(ValueError, match="the plan of batch 3 is in use"):
        checkpoint.discard_plan(3)
    checkpoint.discard_plan(4)
    with pytest.raises(ValueError, match="the plan of batch 3 is in use"):
        checkpoint.discard_plan(3)
    assert sorted(path.name for path in (tmp_path / "c" / "offsets").iterdir()) == ["3"]
