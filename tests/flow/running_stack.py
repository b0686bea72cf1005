"""A whole stack in a home of its own, driven by the command line, and looked into from outside."""

import json
import logging
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import requests
from kafka import KafkaConsumer

from tests.flow.counted import Counted, read_topic
from tests.flow.inputs import REPOSITORY
from tests.flow.reading.records import TopicRecord

log = logging.getLogger(__name__)

UP_WITHIN_S = 1200


class RunningStack(Counted):
    """One home. The commands run as a person's do, but in the tests' own environment."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """`./hashtide ARGUMENTS --home HOME`, not waited for; what it prints is one stream."""
        return subprocess.Popen(
            [sys.executable, "-m", "stack.commands.cli", *arguments, "--home", str(self.home)],
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

    def records(self) -> list[TopicRecord]:
        """The whole topic, partition by partition, each record with the time of the batch that the ledger names."""
        begun = self.batches()
        port = json.loads((self.home / "ports.json").read_text())["kafka"]
        consumer = KafkaConsumer(
            bootstrap_servers=f"127.0.0.1:{port}", max_partition_fetch_bytes=16 << 20, isolation_level="read_committed"
        )
        try:
            return list(read_topic(consumer, begun))
        finally:
            consumer.close()

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
