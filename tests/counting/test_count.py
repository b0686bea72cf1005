"""The job as it is run: a process, a real broker, a folder; and kill -9."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from kafka import KafkaProducer
from pyspark.sql import SparkSession

from count import run
from counting.clocks import RowsDropped
from counting.counting_rules import CountingRulesChanged
from counting.settings import CountSettings, parse_arguments
from counting.topic import TopicUnreadable
from tests.brokers import Broker
from tests.counting.count_log import assert_exact, manifests
from tests.counting.sample import records

JOB = Path(__file__).resolve().parents[2] / "jobs" / "count.py"
POSTS = 200_000
ENDS_WITHIN_S = 240
SAME = ("processed_at", "watermark", "offset_ranges", "records", "rows")


def never() -> bool:
    return False


pytestmark = [pytest.mark.kafka, pytest.mark.spark, pytest.mark.timeout(900)]


def fill(broker: Broker, topic: str, posts: int, seed: int = 1) -> None:
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap_servers, linger_ms=50, batch_size=200_000)
    for sent in records(seed, posts):
        producer.send(topic, key=sent.key, value=sent.value, headers=sent.headers)
    producer.flush()
    producer.close()


class Job:
    """One count job on a folder; `start` again continues."""

    def __init__(self, root: Path, broker: Broker, topic: str) -> None:
        self.root, self.log = root, root / "counts" / "generation=1"
        self.checkpoint = root / "checkpoint" / "generation=1"
        self._command = [sys.executable, str(JOB), "--root", root.as_uri(), "--bootstrap-servers"]
        self._command += [broker.bootstrap_servers, "--topic", topic, "--master", "local[2]"]
        self._output = root.parent / f"{root.name}.log"

    def start(self, *options: str) -> "subprocess.Popen[bytes]":
        with self._output.open("wb") as output:
            return subprocess.Popen([*self._command, *options], stdout=output, stderr=output, start_new_session=True)

    def run(self, *options: str) -> int:
        process = self.start(*options)
        try:
            return process.wait(ENDS_WITHIN_S)
        finally:
            kill(process)

    def output(self) -> str:
        return self._output.read_text(errors="replace")

    def wait_for_batch(self, batch_id: int) -> None:
        deadline = time.monotonic() + ENDS_WITHIN_S
        while not (self.log / f"batch={batch_id}").exists():
            assert time.monotonic() < deadline, "the batch does not come"
            time.sleep(0.05)

    def committed(self) -> set[int]:
        return {int(path.name) for path in (self.checkpoint / "commits").glob("[0-9]*")}

    def forget_commit(self, batch_id: int) -> None:
        for name in (str(batch_id), f".{batch_id}.crc"):
            (self.checkpoint / "commits" / name).unlink()


def kill(process: "subprocess.Popen[bytes]") -> None:
    """The driver, its JVM and its workers at once: kill -9 of their process group."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


@pytest.fixture(scope="module")
def posts(broker: Broker) -> str:
    topic = broker.create_topic("counted", 4)
    fill(broker, topic, POSTS)
    return topic


@pytest.fixture
def job(tmp_path: Path, broker: Broker, posts: str) -> Iterator[Job]:
    yield Job(tmp_path / "root", broker, posts)
    shutil.rmtree(tmp_path / "root", ignore_errors=True)


def test_counts_equal_a_recount_after_kill_9_and_after_a_lost_commit(job: Job, broker: Broker, posts: str) -> None:
    options = ["--until-caught-up", "--max-records-per-batch", "40000"]
    first = job.start(*options)
    try:
        job.wait_for_batch(1)
    finally:
        kill(first)
    committed = len(list(job.log.glob("batch=*")))
    assert 2 <= committed < 6, "killed too late to prove anything"

    assert job.run(*options) == 0, job.output()[-3000:]
    truth = assert_exact(broker.read(posts), job.log)
    assert min(truth.posts, truth.duplicates, truth.control, len(truth.dead), len(truth.gaps)) > 0

    # The driver's death between the log's commit and the checkpoint's: the batch comes again and its folder stays.
    last = manifests(job.log)[-1]["batch_id"]
    folder = job.log / f"batch={last}"
    before = sorted((file.name, file.stat().st_mtime_ns) for file in folder.iterdir())
    job.forget_commit(last)
    fill(broker, posts, 2_000, seed=2)  # so that a batch follows which builds on the state of the one that came again
    assert job.run(*options) == 0, job.output()[-3000:]
    assert f"batch {last} is already in the count log" in job.output()
    assert sorted((file.name, file.stat().st_mtime_ns) for file in folder.iterdir()) == before
    assert manifests(job.log)[-1]["batch_id"] > last
    assert_exact(broker.read(posts), job.log)
    assert not (job.log / "_aside").exists() or not list((job.log / "_aside").iterdir())


def settings(root: Path, broker: Broker, topic: str, **changed: object) -> CountSettings:
    options = ["--root", root.as_uri(), "--bootstrap-servers", broker.bootstrap_servers, "--topic", topic]
    return parse_arguments([*options, "--until-caught-up"]).model_copy(update=changed)


def after_the_first_batch(job: Job, do: Callable[[], None]) -> None:
    def wait_and_do() -> None:
        job.wait_for_batch(0)
        do()

    threading.Thread(target=wait_and_do).start()


@pytest.fixture(scope="module")
def few_posts(broker: Broker) -> str:
    topic = broker.create_topic("few", 2)
    fill(broker, topic, 3_000)
    return topic


def test_a_batch_that_was_never_renamed_is_computed_again_with_the_same_times(
    spark: SparkSession, tmp_path: Path, broker: Broker, few_posts: str
) -> None:
    job = Job(tmp_path, broker, few_posts)
    told = settings(tmp_path, broker, few_posts, max_records_per_batch=1_000)
    run(spark, told, never)
    last = manifests(job.log)[-1]
    assert last["batch_id"] >= 2
    shutil.rmtree(job.log / f"batch={last['batch_id']}")
    job.forget_commit(last["batch_id"])
    (job.log / "_aside" / "batch=9-killed").mkdir(parents=True)
    run(spark, told, never)
    again = manifests(job.log)[-1]
    assert [again[name] for name in SAME] == [last[name] for name in SAME]
    assert_exact(broker.read(few_posts), job.log)
    assert not (job.log / "_aside" / "batch=9-killed").exists()


def test_the_job_ends_after_the_batch_under_way_when_asked(
    spark: SparkSession, tmp_path: Path, broker: Broker, few_posts: str
) -> None:
    job = Job(tmp_path, broker, few_posts)
    endless = settings(tmp_path, broker, few_posts, until_caught_up=False, trigger_interval_s=1)
    asked = threading.Event()
    after_the_first_batch(job, asked.set)
    run(spark, endless, asked.is_set)
    assert {manifest["batch_id"] for manifest in manifests(job.log)} == job.committed() != set()


def test_the_stop_marker_ends_the_job_and_keeps_it_from_starting(
    spark: SparkSession, tmp_path: Path, broker: Broker, few_posts: str
) -> None:
    job = Job(tmp_path, broker, few_posts)
    endless = settings(tmp_path, broker, few_posts, until_caught_up=False, trigger_interval_s=1)
    (tmp_path / "stop").mkdir()
    marker = tmp_path / "stop" / "generation=1"
    after_the_first_batch(job, marker.touch)
    run(spark, endless, never)
    committed = job.committed()
    assert committed
    fill(broker, few_posts, 10, seed=3)
    run(spark, endless, never)
    assert job.committed() == committed


def test_after_rows_were_dropped_the_generation_is_over(
    spark: SparkSession, tmp_path: Path, broker: Broker, few_posts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drop(*_: object) -> None:
        raise RowsDropped("batch 4: the watermark dropped 2 rows")

    told = settings(tmp_path, broker, few_posts)
    with monkeypatch.context() as patched:
        patched.setattr("count.watch", drop)
        with pytest.raises(RowsDropped):
            run(spark, told, never)
    for query in spark.streams.active:
        query.stop()
    with pytest.raises(RowsDropped, match="batch 4: the watermark dropped 2 rows"):
        run(spark, told, never)


def test_a_topic_that_does_not_exist_is_said_so(spark: SparkSession, tmp_path: Path, broker: Broker) -> None:
    with pytest.raises(TopicUnreadable, match=f"topic 'nowhere' does not exist on {broker.bootstrap_servers}"):
        run(spark, settings(tmp_path, broker, "nowhere"), never)


def test_starting_offsets_are_where_batch_0_begins(
    spark: SparkSession, tmp_path: Path, broker: Broker, few_posts: str
) -> None:
    ends = [sum(record.partition == number for record in broker.read(few_posts)) for number in range(2)]
    start = {str(number): end - 10 for number, end in enumerate(ends)}
    run(spark, settings(tmp_path, broker, few_posts, starting_offsets=json.dumps(start)), never)
    (manifest,) = manifests(Job(tmp_path, broker, few_posts).log)
    assert {str(each["partition"]): each["from_offset"] for each in manifest["offset_ranges"]} == start
    assert manifest["records"] == 20


def test_the_dedup_window_asked_for_holds_and_no_other_is_taken_later(
    spark: SparkSession, tmp_path: Path, broker: Broker, few_posts: str
) -> None:
    told = settings(tmp_path, broker, few_posts, max_records_per_batch=1_000, dedup_window_min=7)
    run(spark, told, never)
    first, second = manifests(Job(tmp_path, broker, few_posts).log)[:2]
    # What Spark remembers reaches back to its watermark: the time of the batch before, less the window.
    began, remembers = (datetime.fromisoformat(each) for each in (first["processed_at"], second["watermark"]))
    assert began - remembers == timedelta(minutes=7)
    with pytest.raises(CountingRulesChanged, match=r"--dedup-window-min 7, but was asked for .* --dedup-window-min 8"):
        run(spark, told.model_copy(update={"dedup_window_min": 8}), never)


def test_a_lost_checkpoint_is_refused_where_the_count_log_has_batches(
    spark: SparkSession, tmp_path: Path, broker: Broker, few_posts: str
) -> None:
    told = settings(tmp_path, broker, few_posts)
    run(spark, told, never)
    shutil.rmtree(Job(tmp_path, broker, few_posts).checkpoint)
    with pytest.raises(ValueError, match=r"checkpoint/generation=1 is gone or empty, but the count log has batches"):
        run(spark, told, never)
