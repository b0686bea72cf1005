"""One step of a recount: plan, begin, progress or switch; HASHTIDE_COMPACTOR_DSN in the environment.

The streaming job and the compaction count the new generation as they count any; docs/operations.md has the whole.
The last line on stdout is one JSON object. plan: current, next (generation), under_way, records (of the topic),
lacking. begin: generation, previous. progress: counted, of (records), done. switch: current, previous, books.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import psycopg2

from contract.job import JobParser, job_main
from contract.kafka_client import KafkaConfigError, read_kafka_config
from contract.names import COMPACTOR_DSN, TOPIC
from recounting import steps
from recounting.steps import Wanted

TIMEOUTS = "-c lock_timeout=300s -c statement_timeout=600s"


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Arguments and environment. Exits with status 2 if they are wrong."""
    parser = JobParser("recount.py", __doc__)
    parser.add_argument("step", choices=("plan", "begin", "progress", "switch"))
    parser.add_argument("--generation", type=int, help="of progress and switch: the recount's")
    parser.add_argument("--bootstrap-servers", metavar="H:P", help="of plan and begin: Kafka; several with commas")
    parser.add_argument("--kafka-config", type=Path, metavar="FILE", help="Kafka client configuration (0400 or 0600)")
    parser.add_argument("--topic", default=TOPIC)
    parser.add_argument(
        "--of-less", action="store_true", help="also where the topic no longer has all that was counted before"
    )
    parser.add_argument("--instead-of", type=int, metavar="G", help="give up the recount into generation G")
    given = parser.parse_args(argv)
    needed = "bootstrap_servers" if given.step in ("plan", "begin") else "generation"
    if getattr(given, needed) is None:
        parser.error(f"{given.step} needs --{needed.replace('_', '-')}")
    try:
        given.login = read_kafka_config(given.kafka_config)
    except KafkaConfigError as error:
        parser.error(f"--kafka-config: {error}")
    given.dsn = parser.environment(COMPACTOR_DSN, "the connection string of the role that writes the counts")
    return given


def take(given: argparse.Namespace) -> dict[str, Any]:
    """One step; what it found or did."""
    connection = psycopg2.connect(given.dsn, connect_timeout=10, application_name="hashtide recount", options=TIMEOUTS)
    try:
        if given.step == "progress":
            return steps.progress(connection, given.generation)
        if given.step == "switch":
            return steps.switch(connection, given.generation)
        from recounting.topic import held

        topic = held(given.bootstrap_servers, given.topic, given.login, steps.counted(connection))
        step = steps.plan if given.step == "plan" else steps.begin
        return step(connection, Wanted(given.topic, given.of_less, given.instead_of), topic)
    finally:
        connection.close()


def main(argv: list[str] | None = None) -> int:
    """Takes the step and says so in one JSON line; returns the exit status."""

    def run() -> None:
        sys.stdout.write(json.dumps(take(parse(argv))) + "\n")

    return job_main("recount", run, psycopg2.Error)


if __name__ == "__main__":
    sys.exit(main())
