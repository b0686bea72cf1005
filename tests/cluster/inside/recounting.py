"""Inside a one-off container: the whole topic recounted, against Postgres and against the simulator's ground truth.

    python -m tests.cluster.inside.recounting ADDRESS [ENDS]

ENDS, JSON of partition → offset, is where the topic ended before ADDRESS began to flow. Prints one JSON object.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
from kafka import KafkaConsumer

from stack.cluster.layout import deployment
from stack.observe.kafka_client import kafka_arguments
from tests.flow.checking import against_recount, against_truth, sums_that_differ
from tests.flow.counted import Counted, read_topic
from tests.flow.reading.records import TopicRecord
from tests.flow.recount import recount

TRUTH = Path("/tmp/truth.json")  # noqa: S108 - the container's own, which nobody else is in


class ClusterCounted(Counted):
    """The cluster's Postgres, from inside."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """What Postgres answers the role that only reads."""
        with closing(psycopg2.connect(self._dsn)) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()


def truth_of(address: str) -> Mapping[str, Any]:
    """What the simulator puts in."""
    job = [sys.executable, "/opt/hashtide/jobs/collect.py", "--source", address, "--simulator-truth", str(TRUTH)]
    subprocess.run(job, check=True, timeout=600, stdout=sys.stderr)
    found: dict[str, Any] = json.loads(TRUTH.read_bytes())
    return found


def place(record: TopicRecord) -> tuple[int, int]:
    """Partition and offset."""
    partition, _, offset = record.place.partition("[")[2].partition("]@")
    return int(partition), int(offset)


def main(address: str, before: Mapping[int, int]) -> dict[str, Any]:
    """What differs, and how much there is of everything."""
    endpoints = deployment().endpoints
    counted = ClusterCounted(endpoints.reader_dsn_file.read_text().strip())
    access = {**kafka_arguments(endpoints.kafka_config), "isolation_level": "read_committed"}
    with closing(KafkaConsumer(bootstrap_servers=endpoints.bootstrap_servers.split(","), **access)) as consumer:
        records = list(read_topic(consumer, counted.batches()))
    places = [place(each) for each in records]
    ends: dict[int, int] = {}
    for number, at in places:
        ends[number] = max(ends.get(number, 0), at + 1)
    since = [each for each, (number, at) in zip(records, places, strict=True) if at >= before.get(number, 0)]
    everything, truth = recount(records), truth_of(address)
    sent_again = len(since) - truth["books"]["records"]
    return {
        "against recount": against_recount(counted, everything),
        "against truth": against_truth(recount(since), truth, sent_again),
        "sums": [str(each) for each in sums_that_differ(counted)],
        "records": len(records),
        "sent again": sent_again,
        "posts": everything.posts,
        "duplicates": everything.duplicates,
        "ends": ends,
    }


if __name__ == "__main__":
    said = json.loads(sys.argv[2] if sys.argv[2:] else "{}")
    found = main(sys.argv[1], {int(number): int(offset) for number, offset in said.items()})
    sys.stdout.write(json.dumps(found) + "\n")
