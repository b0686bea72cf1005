"""The job as it is run: a process, a real broker, a folder; and kill -9."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaProducer

from tests.brokers import Broker
from tests.counting.count_log import assert_exact, manifests
from tests.counting.sample import records

JOB = Path(__file__).resolve().parents[2] / "jobs" / "count.py"
POSTS = 200_000
ENDS_WITHIN_S = 240

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

    def wait_for_batch(self, batch_id: int, process: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + ENDS_WITHIN_S
        while not (self.log / f"batch={batch_id}").exists():
            assert process.poll() is None, self.output()[-3000:]
            assert time.monotonic() < deadline, self.output()[-3000:]
            time.sleep(0.05)


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
        job.wait_for_batch(1, first)
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
    for name in (str(last), f".{last}.crc"):
        (job.checkpoint / "commits" / name).unlink()
    fill(broker, posts, 2_000, seed=2)  # so that a batch follows which builds on the state of the one that came again
    assert job.run(*options) == 0, job.output()[-3000:]
    assert f"batch {last} is in the count log already" in job.output()
    assert sorted((file.name, file.stat().st_mtime_ns) for file in folder.iterdir()) == before
    assert manifests(job.log)[-1]["batch_id"] > last
    assert_exact(broker.read(posts), job.log)
    assert not (job.log / "_aside").exists() or not list((job.log / "_aside").iterdir())


def test_a_batch_that_was_written_but_never_renamed_is_computed_again_with_the_same_times(
    job: Job, broker: Broker, posts: str
) -> None:
    options = ["--until-caught-up", "--max-records-per-batch", "120000"]
    assert job.run(*options) == 0, job.output()[-3000:]
    last = manifests(job.log)[-1]
    shutil.rmtree(job.log / f"batch={last['batch_id']}")
    for name in (str(last["batch_id"]), f".{last['batch_id']}.crc"):
        (job.checkpoint / "commits" / name).unlink()
    time.sleep(1.1)
    assert job.run(*options) == 0, job.output()[-3000:]
    again = manifests(job.log)[-1]
    assert again["processed_at"] == last["processed_at"]
    assert again["offset_ranges"] == last["offset_ranges"]
    assert again["rows"] == last["rows"]
    assert_exact(broker.read(posts), job.log)


@pytest.mark.parametrize("way", ["marker", "SIGTERM"])
def test_a_running_job_ends_cleanly_when_asked(job: Job, way: str) -> None:
    process = job.start("--trigger-interval-s", "1", "--max-records-per-batch", "20000")
    try:
        job.wait_for_batch(0, process)
        if way == "marker":
            (job.root / "stop").mkdir()
            (job.root / "stop" / "generation=1").touch()
        else:
            process.terminate()
        assert process.wait(60) == 0, job.output()[-3000:]
    finally:
        kill(process)
    committed = {int(path.name) for path in (job.checkpoint / "commits").iterdir() if path.name.isdigit()}
    assert {manifest["batch_id"] for manifest in manifests(job.log)} == committed


def test_a_topic_that_does_not_exist_is_one_clear_line(tmp_path: Path, broker: Broker) -> None:
    job = Job(tmp_path / "root", broker, "nowhere")
    assert job.run("--until-caught-up") == 1
    assert f"ERROR count: topic 'nowhere' does not exist on {broker.bootstrap_servers}" in job.output()


def test_a_checkpoint_that_lost_its_identity_is_refused(tmp_path: Path, broker: Broker, posts: str) -> None:
    job = Job(tmp_path / "root", broker, posts)
    (job.checkpoint / "offsets").mkdir(parents=True)
    (job.checkpoint / "offsets" / "3").write_text("v1\n{}\n{}")
    assert job.run("--until-caught-up") == 1
    assert "has offsets up to batch 3 but no `metadata` file" in job.output()


def test_starting_offsets_are_where_batch_0_begins(tmp_path: Path, broker: Broker, posts: str) -> None:
    ends = [sum(record.partition == number for record in broker.read(posts)) for number in range(4)]
    start = {str(number): end - 10 for number, end in enumerate(ends)}
    job = Job(tmp_path / "root", broker, posts)
    assert job.run("--until-caught-up", "--starting-offsets", json.dumps(start)) == 0, job.output()[-3000:]
    (manifest,) = manifests(job.log)
    assert {str(each["partition"]): each["from_offset"] for each in manifest["offset_ranges"]} == start
    assert manifest["records"] == 40
