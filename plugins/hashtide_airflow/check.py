"""Tries every service's Airflow connection and prints a line for each: `python -m hashtide_airflow.check`.

For those who point the DAGs at a cluster of their own (conf/README.md). It changes nothing, except that it creates and
removes one empty file on HDFS: the stop marker of generation 0, which does not exist.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import psycopg2

from contract import names
from hashtide_airflow import kafka_file, settings
from hashtide_airflow.commands import PYTHON
from hashtide_airflow.hooks.hdfs import StopMarker
from hashtide_airflow.hooks.process import environment
from hashtide_airflow.hooks.yarn import YarnHook

LIMIT_S = 60
UNUSED_GENERATION = 0


def kafka() -> str:
    """Reads the topic's newest record by `jobs/tail.py`."""
    servers, topic = settings.kafka()
    file = kafka_file.for_readers()
    command = [PYTHON, str(settings.JOBS / "tail.py"), "--bootstrap-servers", servers, "--topic", topic, "-n", "1"]
    command += ["--kafka-config", str(file)] if file else []
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=LIMIT_S, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return f"topic {topic} at {servers} can be read"


def kafka_writer() -> str:
    """Prepares the collector's login; whether it may write shows only when it does."""
    name = settings.kafka_writer()
    kafka_file.for_collector()
    return f"the collector uses {name} ({settings.kafka(name)[0]}), not tried"


def yarn() -> str:
    """Lists our applications at the ResourceManager."""
    found = YarnHook().applications(names.application_tag(settings.generation()))
    return f"the ResourceManager knows {len(found)} of our applications"


def hdfs() -> str:
    """Creates and removes a file below the root."""
    marker = StopMarker(UNUSED_GENERATION)
    marker.put()
    marker.remove()
    return f"{settings.hdfs_root()} can be written; Spark's name for it is {settings.counting().root}"


def postgres(connection_id: str) -> str:
    """Logs in as the connection's role."""
    connection = psycopg2.connect(settings.dsn(connection_id), connect_timeout=10)
    try:
        encrypted = "over TLS" if connection.info.ssl_in_use else "NOT encrypted"
        return f"{connection.info.user} is let in to {connection.info.dbname}, {encrypted}"
    finally:
        connection.close()


CHECKS: dict[str, Callable[[], str]] = {
    names.KAFKA: kafka,
    names.KAFKA_WRITER: kafka_writer,
    names.YARN: yarn,
    names.HDFS: hdfs,
    names.COMPACTOR: lambda: postgres(names.COMPACTOR),
    names.REPORTER: lambda: postgres(names.REPORTER),
}


def main() -> int:
    """Runs every check, also after one has failed.

    Returns:
        0 if all succeed, else 1.
    """
    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"  # as Airflow does: read the metadata too
    failed = 0
    for name, check in CHECKS.items():
        try:
            line = f"ok      {name}: {check()}"
        except Exception as error:  # each may fail in its own ways
            failed += 1
            line = f"FAILED  {name}: {' '.join(str(error).split())}"
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
