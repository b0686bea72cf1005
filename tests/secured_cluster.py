"""Three real brokers as the cluster in containers has them, from the product's own template, as processes on loopback.

Only addresses differ: `kafka-N:PORT` is a port of this host's. The certificates are those that `secrets` makes.
"""

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from stack.cluster import pki
from stack.daemons.rendering import render
from tests.brokers import free_port

NAMES = ("kafka-1", "kafka-2", "kafka-3")
CLIENT, CONTROLLER, BROKER = 9092, 9093, 9094
UP_WITHIN_S = 180


@dataclass
class SecuredCluster:
    """Brokers that ask who one is; nobody has a password before somebody sets it."""

    home: Path
    jars: Path
    names: tuple[str, ...] = NAMES
    ports: dict[tuple[str, int], int] = field(default_factory=dict)
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def secrets(self) -> Path:
        """What `stack.cluster.pki` made."""
        return self.home / "secrets"

    def servers(self, listener: int) -> str:
        """`host:port` of each broker."""
        return ",".join(f"localhost:{self.ports[name, listener]}" for name in self.names)

    def client(self, user: str) -> dict[str, Any]:
        """The settings of a user, as its file has them."""
        settings: dict[str, Any] = json.loads((self.secrets / "airflow" / f"kafka-{user}.json").read_text())
        return {"bootstrap.servers": self.servers(CLIENT), "log_level": 0, **settings}

    def passwords(self) -> dict[str, str]:
        """Of each user."""
        return {user: self.client(user)["sasl.password"] for user in pki.KAFKA_USERS}

    def by_certificate(self, pem: Path | None) -> dict[str, Any]:
        """The settings of who shows a certificate, or none, at the brokers' own listener."""
        settings = {
            "bootstrap.servers": self.servers(BROKER),
            "security.protocol": "SSL",
            "ssl.ca.location": str(self.secrets / "kafka" / "ca.pem"),
            "log_level": 0,
        }
        return (
            settings
            if pem is None
            else {**settings, "ssl.certificate.location": str(pem), "ssl.key.location": str(pem)}
        )

    def format(self) -> None:
        """Make certificates, settings and empty data folders."""
        pki.ensure(self.secrets, max(len(self.names), pki.BROKERS))
        self.ports = {(name, listener): free_port() for name in self.names for listener in (CLIENT, CONTROLLER, BROKER)}
        (self.home / "log4j2.properties").write_text(render("log4j2.properties", {}))
        formats = [self._format(number, name) for number, name in enumerate(self.names, 1)]
        for each in formats:
            said, _ = each.communicate(timeout=120)
            if each.returncode:
                raise RuntimeError(said.decode(errors="replace")[-2000:])

    def _format(self, number: int, name: str) -> "subprocess.Popen[bytes]":
        values = {
            "cluster": True,
            "controllers": self.names[:3],
            "brokers": self.names,
            "broker": name,
            "broker_id": number,
            "home": self.home / name,
            "kafka_secrets": self.secrets / "kafka",
            "ports": {"kafka": CLIENT, "kafka_controller": CONTROLLER, "kafka_broker": BROKER},
        }
        text = re.sub(
            r"(kafka-\d):(\d+)",
            lambda found: f"localhost:{self.ports[found[1], int(found[2])]}",
            render("server.properties", values),
        )
        (self.home / name).mkdir()
        settings = self.home / name / "server.properties"
        settings.write_text(text)
        cluster_id = (self.secrets / "kafka" / "cluster_id").read_text().strip()
        words = ["kafka.tools.StorageTool", "format", "--cluster-id", cluster_id, "--config", str(settings)]
        return subprocess.Popen([*self._java("128m"), *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def start(self, *names: str) -> None:
        """Start brokers, all unless some are named, and wait until they are in the cluster."""
        for name in names or self.names:
            with (self.home / name / "broker.log").open("ab") as log:
                self.processes[name] = subprocess.Popen(
                    [*self._java("256m"), "kafka.Kafka", str(self.home / name / "server.properties")],
                    stdout=log, stderr=log,
                )  # fmt: skip
        admin = AdminClient(self.by_certificate(self.secrets / "authority" / "admin.pem"))
        deadline = time.monotonic() + UP_WITHIN_S
        while time.monotonic() < deadline:
            for name, process in self.processes.items():
                if process.poll() is not None:
                    raise RuntimeError(f"{name} ended: {self.log(name)[-3000:]}")
            try:
                if len(admin.describe_cluster(request_timeout=5).result().nodes) == len(self.processes):
                    return
            except KafkaException as error:
                if error.args[0].code() not in (KafkaError._TIMED_OUT, KafkaError._TRANSPORT):
                    raise
            time.sleep(0.2)
        raise RuntimeError(f"not all of the brokers came: {self.log(self.names[0])[-3000:]}")

    def log(self, name: str) -> str:
        """What a broker has said."""
        return (self.home / name / "broker.log").read_text(errors="replace")

    def kill(self, name: str) -> None:
        """SIGKILL."""
        process = self.processes.pop(name)
        process.kill()
        process.wait(timeout=30)

    def _java(self, heap: str) -> list[str]:
        java = f"{os.environ['JAVA_HOME']}/bin/java" if "JAVA_HOME" in os.environ else "java"
        log4j = f"-Dlog4j2.configurationFile={self.home}/log4j2.properties"
        return [
            java,
            f"-Xmx{heap}",
            "-XX:+UseSerialGC",
            "-Djava.net.preferIPv4Stack=true",
            log4j,
            "-cp",
            f"{self.jars}/*",
        ]


@contextmanager
def running_cluster(
    home: Path, jars: Path, names: tuple[str, ...] = NAMES, started: tuple[str, ...] = ()
) -> Iterator[SecuredCluster]:
    """Three brokers, or those that are named from `kafka-1` on, all started unless some are named; none is left."""
    cluster = SecuredCluster(home, jars, names)
    try:
        cluster.format()
        cluster.start(*started)
        yield cluster
    finally:
        for name in list(cluster.processes):
            cluster.kill(name)
