"""A real Kafka broker for tests and benches: KRaft, one process, the product's jars and the product's own settings.

Its fixtures are in tests/fixtures.py: a bench runs where no pytest is installed.
"""

import os
import random
import shutil
import socket
import struct
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import jinja2
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import NewTopic
from kafka.consumer.fetcher import ConsumerRecord

PROPERTIES = Path(__file__).resolve().parent.parent / "stack" / "templates" / "server.properties.j2"
HOST = "127.0.0.1"
UP_WITHIN_S = 90


def free_port() -> int:
    """A port that nobody listens on, away from the range from which the kernel takes clients' ports."""
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) != 0:
                return port
    raise RuntimeError("no free port")


@dataclass
class Broker:
    """One broker. Stopped and started again it has the same port and data."""

    home: Path
    jars: Path
    port: int = field(default_factory=free_port)
    controller_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap_servers(self) -> str:
        """`host:port`."""
        return f"{HOST}:{self.port}"

    @property
    def own_servers(self) -> str:
        """`host:port` for the test's own clients."""
        return self.bootstrap_servers

    @property
    def own_arguments(self) -> dict[str, Any]:
        """How these say who they are."""
        return {}

    def template_values(self) -> dict[str, object]:
        """What the template names."""
        ports = SimpleNamespace(kafka=self.port, kafka_controller=self.controller_port)
        return {
            "cluster": False,
            "broker": HOST,
            "controllers": [HOST],
            "broker_id": 1,
            "home": self.home,
            "ports": ports,
        }

    def format(self) -> None:
        """Write the settings and give the data directory its cluster id."""
        template = jinja2.Environment(autoescape=False).from_string(PROPERTIES.read_text())  # noqa: S701 - no HTML
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "server.properties").write_text(template.render(host=HOST, **self.template_values()))
        cluster = uuid.uuid4().hex[:22]
        words = ["kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(self.home / "server.properties")]
        done = subprocess.run(
            [*self._java("128m"), *words],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(done.stdout.decode(errors="replace")[-2000:])

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self.home / "broker.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self._java("256m"), "kafka.Kafka", self.home / "server.properties"], stdout=log, stderr=log
            )
        deadline = time.monotonic() + UP_WITHIN_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            with socket.socket() as probe:
                if probe.connect_ex((HOST, self.port)) == 0:
                    return
            time.sleep(0.1)
        raise RuntimeError(f"the broker does not answer: {(self.home / 'broker.log').read_text()[-2000:]}")

    def stop(self, *, kill: bool = False) -> None:
        """End it: SIGTERM and a wait, or SIGKILL."""
        if self.process is None:
            return
        (self.process.kill if kill else self.process.terminate)()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(timeout=10)
        self.process = None

    def lose_tail(self, topic: str, partition: int, records: int) -> None:
        """Kill it, cut the partition back to its first `records` as a power cut may, and start it again.

        What was cut must have been sent in batches of its own: the cut is at a batch's end.
        """
        self.stop(kill=True)
        cut_log(self.home / "data" / "kafka" / f"{topic}-{partition}" / f"{0:020d}.log", records)
        self.start()

    def create_topic(self, name: str, partitions: int = 4, configs: dict[str, str] | None = None) -> str:
        """Make a topic; the name is returned."""
        admin = KafkaAdminClient(bootstrap_servers=self.own_servers, **self.own_arguments)
        try:
            admin.create_topics([NewTopic(name, partitions, 1, topic_configs=configs or {})])
        finally:
            admin.close()
        return name

    def read(self, topic: str) -> list[ConsumerRecord]:
        """Everything that the topic holds now, partition by partition."""
        consumer = KafkaConsumer(bootstrap_servers=self.own_servers, auto_offset_reset="earliest", **self.own_arguments)
        try:
            partitions = [
                TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())
            ]
            consumer.assign(partitions)
            ends = consumer.end_offsets(partitions)
            records: list[ConsumerRecord] = []
            while any(consumer.position(partition) < end for partition, end in ends.items()):
                for batch in consumer.poll(timeout_ms=1000).values():
                    records += batch
            return records
        finally:
            consumer.close()

    def _java(self, heap: str) -> list[str]:
        java = f"{os.environ['JAVA_HOME']}/bin/java" if "JAVA_HOME" in os.environ else "java"
        return [java, f"-Xmx{heap}", "-XX:+UseSerialGC", "-cp", f"{self.jars}/*"]


def cut_log(path: Path, records: int) -> None:
    """Cut a partition's log file at the end of the batch that ends with record `records` (Kafka's format, v2)."""
    with path.open("r+b") as file:
        data, at = file.read(), 0
        while at + 61 <= len(data):
            base, length = struct.unpack_from(">qi", data, at)
            if base >= records:
                break
            at += 12 + length
        file.truncate(at)


AnyBroker = TypeVar("AnyBroker", bound=Broker)


def running(broker: AnyBroker) -> Iterator[AnyBroker]:
    """Start it, and leave nothing of it."""
    try:
        broker.format()
        broker.start()
        yield broker
    finally:
        broker.stop(kill=True)
        shutil.rmtree(broker.home, ignore_errors=True)
