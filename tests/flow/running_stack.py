"""A whole stack in a home of its own, driven by the command line, and looked into from outside."""

import json
import logging
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import requests
from kafka import KafkaConsumer, TopicPartition

from tests.flow.inputs import REPOSITORY
from tests.flow.reading.records import TopicRecord
from tests.flow.recount import Key, Said

log = logging.getLogger(__name__)

TOPIC = "posts"
UP_WITHIN_S = 1200


class RunningStack:
    """One home. The commands run as a person's do, but in the tests' own environment."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """`./hashtide ARGUMENTS --home HOME`, not waited for; what it prints is one stream."""
        return subprocess.Popen(
            [sys.executable, "-m", "stack.cli", *arguments, "--home", str(self.home)],
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """The same, waited for."""
        began_at = time.monotonic()
        process = self.start(*arguments)
        out, _ = process.communicate(timeout=UP_WITHIN_S)
        log.info("%s ended with %s after %.0f s", " ".join(arguments), process.returncode, time.monotonic() - began_at)
        return subprocess.CompletedProcess(process.args, process.returncode, out)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """What Postgres answers the role that only reads."""
        dsn = (self.home / "secrets" / "reader.dsn").read_text().strip()
        connection = psycopg2.connect(dsn)
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall()
        finally:
            connection.close()

    def counts(self) -> dict[Key, tuple[int, int]]:
        """count_bucket, summed over arrival."""
        found = self.query(
            "select metric, bucket, source, lang, term, sum(posts)::bigint, sum(reposts)::bigint"
            " from count_bucket where generation = 1 group by 1, 2, 3, 4, 5"
        )
        return {(row[0], row[1].astimezone(UTC), *row[2:5]): (row[5], row[6]) for row in found}

    def control_messages(self) -> Counter[Said]:
        """control_message, summed over arrival."""
        found = self.query(
            "select bucket, source, kind, about, sum(messages)::bigint from control_message where generation = 1"
            " group by 1, 2, 3, 4"
        )
        return Counter({(row[0].astimezone(UTC), *row[1:4]): row[4] for row in found})

    def said_gaps(self) -> set[tuple[str, datetime | None, str]]:
        """Gaps that control messages said: source, minute, why."""
        found = self.query("select source, gap_from, why from collection_gap where generation = 1 and notes = 0")
        return {(source, at and at.astimezone(UTC), why) for source, at, why in found}

    def dead_letters(self) -> dict[str, str]:
        """Place → reason."""
        found = self.query("select topic, partition, record_offset, reason from dead_letter where generation = 1")
        return {f"{topic}[{partition}]@{offset}": reason for topic, partition, offset, reason in found}

    def records(self) -> list[TopicRecord]:
        """The whole topic, partition by partition, each record with the time of the batch that the ledger names."""
        begun = self._batches()
        port = json.loads((self.home / "ports.json").read_text())["kafka"]
        consumer = KafkaConsumer(bootstrap_servers=f"127.0.0.1:{port}", max_partition_fetch_bytes=16 << 20)
        try:
            return list(_read(consumer, begun))
        finally:
            consumer.close()

    def _batches(self) -> dict[int, list[tuple[int, datetime]]]:
        """Partition → (until_offset, processed_at), ascending."""
        found = self.query(
            "select r.partition, r.until_offset, l.processed_at from offset_range r"
            " join batch_ledger l using (generation, batch_id) where generation = 1 order by 1, 2"
        )
        batches: dict[int, list[tuple[int, datetime]]] = {}
        for partition, until_offset, processed_at in found:
            batches.setdefault(partition, []).append((until_offset, processed_at.astimezone(UTC)))
        return batches

    def collector_status(self) -> str:
        """What the collector last said of itself; empty before its first word."""
        try:
            return str(json.loads((self.home / "spool" / "state.json").read_bytes())["status"])
        except FileNotFoundError:
            return ""

    def log_ends(self, lines: int = 25) -> list[tuple[str, str]]:
        """Name and last lines of the logs that tell why a stage does not get on, the newest tasks' among them."""
        names = ("airflow-triggerer", "airflow-scheduler", "airflow-api-server", "supervisord")
        paths = [self.home / "logs" / f"{name}.log" for name in names]
        paths += [self.home / "spool" / "collector.log", self.home / "spool" / "state.json"]
        tasks = [path for path in self.home.glob("logs/airflow/dag_id=*/run_id=*/task_id=*/*") if path.is_file()]
        paths += sorted(tasks, key=lambda path: path.stat().st_mtime)[-6:]
        paths += sorted(self.home.glob("data/nm-logs/application_*/container_*_000001/stdout"))[-1:]
        return [(str(path.relative_to(self.home)), _end(path, lines)) for path in paths if path.exists()]

    def drivers(self) -> list[psutil.Process]:
        """The Spark driver: YARN's application master, told by the container folder below our home that it works in."""
        containers = self.home / "data" / "nm-local"
        found = []
        for process in psutil.process_iter():
            try:
                is_java = process.name() == "java" and Path(process.cwd()).is_relative_to(containers)
                if is_java and any("ApplicationMaster" in word for word in process.cmdline()):
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found


def _end(path: Path, lines: int) -> str:
    found = path.read_text(errors="replace").splitlines()[-lines:]
    return "\n".join(line[:500] for line in found)


def kill_driver_within_a_batch(stack: RunningStack, within_s: float = 600.0) -> int:
    """SIGKILL to the driver while a batch is under way; not the first one, unless that has everything.

    Returns:
        How many batches were committed by then.
    """
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        planned, committed = _checkpointed(stack, "offsets"), _checkpointed(stack, "commits")
        drivers = stack.drivers()
        if planned > committed and drivers and (committed or stack.collector_status() == "finished"):
            for driver in drivers:
                driver.kill()
            log.info("killed the driver (%s) in batch %s", [each.pid for each in drivers], committed)
            return committed
        time.sleep(0.1)
    raise AssertionError(f"no driver seen at work on a batch in {within_s:.0f} s")


def _checkpointed(stack: RunningStack, log: str) -> int:
    """Entries of one of the checkpoint's logs: `offsets` (planned) or `commits` (done); 0 while HDFS is silent."""
    try:
        port = json.loads((stack.home / "ports.json").read_text())["namenode_http"]
        url = f"http://127.0.0.1:{port}/webhdfs/v1/hashtide/checkpoint/generation=1/{log}?op=LISTSTATUS"
        statuses = requests.get(url, timeout=5).json()["FileStatuses"]["FileStatus"]
    except (OSError, ValueError, KeyError):
        return 0
    return max((int(each["pathSuffix"]) + 1 for each in statuses if each["pathSuffix"].isdigit()), default=0)


def _read(consumer: KafkaConsumer, batches: dict[int, list[tuple[int, datetime]]]) -> Iterator[TopicRecord]:
    for number in sorted(consumer.partitions_for_topic(TOPIC) or ()):
        partition = TopicPartition(TOPIC, number)
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        end = consumer.end_offsets([partition])[partition]
        waiting = iter(batches.get(number, []))
        until_offset, processed_at = 0, datetime(1970, 1, 1, tzinfo=UTC)
        deadline = time.monotonic() + 300
        while consumer.position(partition) < end:
            assert time.monotonic() < deadline, f"{partition} can't be read to its end {end}"
            for record in consumer.poll(timeout_ms=1000, max_records=5000).get(partition, []):
                while record.offset >= until_offset:
                    until_offset, processed_at = next(waiting)
                place = f"{TOPIC}[{number}]@{record.offset}"
                headers = dict(record.headers)
                yield TopicRecord(place, record.key, record.value, headers, record.timestamp, processed_at)
