"""Apache Kafka's own Connect, standalone: one process, its file source, as someone else would run it."""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.brokers import HOST, Broker, free_port

STRING = {"value.converter": "org.apache.kafka.connect.storage.StringConverter"}
JSON = {"value.converter": "org.apache.kafka.connect.json.JsonConverter"}
CONVERTERS: Mapping[str, Mapping[str, str]] = {
    "string": STRING,
    "json": JSON | {"value.converter.schemas.enable": "false"},
    "json-with-schema": JSON | {"value.converter.schemas.enable": "true"},
}


@contextmanager
def connect(home: Path, broker: Broker, jars: Path, file: Path, topics: Mapping[str, str]) -> Iterator[Path]:
    """Feeds every line of a file into topics, one for each converter, until the block ends.

    Args:
        home: a folder of its own.
        broker: where the topics are.
        jars: the folder of folders of jars.
        file: what the file source reads.
        topics: converter → topic.

    Yields:
        The worker's log.
    """
    worker = {
        "bootstrap.servers": broker.bootstrap_servers,
        "key.converter": STRING["value.converter"],
        **STRING,
        "offset.storage.file.filename": home / "offsets",
        "offset.flush.interval.ms": 1000,
        "listeners": f"http://{HOST}:{free_port()}",
        # The connectors are on the class path, as services.
        "plugin.discovery": "service_load",
    }
    settings = [_write(home / "worker.properties", worker)]
    for name, topic in topics.items():
        source = {
            "name": name,
            "connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector",
            "tasks.max": 1,
            "file": file,
            "topic": topic,
            # One poll takes the whole file: what a full batch leaves in the source's buffer stays there until the
            # file grows (docs/operations.md).
            "batch.size": file.read_bytes().count(b"\n") + 1,
            **CONVERTERS[name],
        }
        settings.append(_write(home / f"{name}.properties", source))
    java = f"{os.environ['JAVA_HOME']}/bin/java" if "JAVA_HOME" in os.environ else "java"
    class_path = f"{jars}/connect/*:{jars}/kafka/*"
    main = "org.apache.kafka.connect.cli.ConnectStandalone"
    log = home / "connect.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [java, "-Xmx256m", "-XX:+UseSerialGC", "-cp", class_path, main, *map(str, settings)], stdout=out, stderr=out
        )
    try:
        yield log
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=10)


def wait_for_records(broker: Broker, topic: str, records: int, log: Path, within_s: float = 120) -> None:
    """Until the topic holds so many."""
    deadline = time.monotonic() + within_s
    while (found := len(broker.read(topic))) < records:
        assert time.monotonic() < deadline, f"{found} of {records} in {topic}; Connect says {log.read_text()[-3000:]}"
        time.sleep(0.5)


def _write(path: Path, settings: Mapping[str, object]) -> Path:
    path.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    return path
