"""A recount with real parts: counted with other rules and a clock that jumped, counted again, switched, exact."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from compacting.compaction import CompactSettings, compact
from compacting.count_log import CountLogReader
from contract.names import COMPACTOR_DSN
from count import run
from counting.clocks import RowsDropped
from tests.brokers import Broker
from tests.compacting.stream import START
from tests.counting.count_log import assert_exact
from tests.counting.test_clocks import HOUR_MS, plan_with_clock
from tests.counting.test_count import Job, fill, never, settings
from tests.flow.recount import Recount
from tests.postgres import Database, execute

RECOUNT = Path(__file__).resolve().parents[2] / "jobs" / "recount.py"
pytestmark = [pytest.mark.kafka, pytest.mark.spark, pytest.mark.postgres, pytest.mark.timeout(900)]


class Step:
    """jobs/recount.py as the DAG runs it: a process of its own, so each is a point where the recount may be cut."""

    def __init__(self, database: Database, broker: Broker, topic: str) -> None:
        self._env = {**os.environ, COMPACTOR_DSN: database.compactor}
        self._kafka = ["--bootstrap-servers", broker.bootstrap_servers, "--topic", topic]

    def __call__(self, name: str, generation: int = 0) -> "subprocess.CompletedProcess[str]":
        options = ["--generation", str(generation)] if generation else self._kafka
        command = [sys.executable, str(RECOUNT), name, *options]
        return subprocess.run(command, env=self._env, capture_output=True, text=True, timeout=300, check=False)

    def result(self, name: str, generation: int = 0) -> dict[str, object]:
        done = self(name, generation)
        assert done.returncode == 0, done.stderr
        found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
        return found


def compacted(database: Database, root: Path, generation: int) -> None:
    log = CountLogReader(f"file://{root}/counts", generation)
    compact(CompactSettings(database.compactor, generation, keep_days=36500), log, START)


def days(truth: Recount) -> Counter[tuple[object, ...]]:
    """The recount's posts and hashtags by day, as count_day has them."""
    found: Counter[tuple[object, ...]] = Counter()
    for (metric, bucket, source, lang, term), (posts, _) in truth.counts.items():
        found[metric, bucket.date(), source, lang, term] += posts
    return found


def test_after_a_poisoned_clock_a_recount_is_exact_and_reports_see_it_in_one_step(
    spark: SparkSession, tmp_path: Path, broker: Broker, database: Database
) -> None:
    topic = broker.create_topic("recounted", 2)
    fill(broker, topic, 600)
    job, step = Job(tmp_path, broker, topic), Step(database, broker, topic)
    told = settings(tmp_path, broker, topic, max_records_per_batch=250, retweets="own")
    plan_with_clock(spark, job, told, 1, 3 * HOUR_MS, all_clocks=True)
    with pytest.raises(RowsDropped):
        run(spark, told, never)
    compacted(database, tmp_path, 1)

    assert step.result("plan")["records"] == len(broker.read(topic))
    assert step.result("begin") == step.result("begin") == {"generation": 2, "previous": 1}
    fill(broker, topic, 100)  # the topic grows meanwhile, by repeats
    run(spark, settings(tmp_path, broker, topic, generation=2, max_records_per_batch=1_000), never)
    assert not step.result("progress", 2)["done"]
    refused = step("switch", 2)
    assert refused.returncode == 1
    assert "generation 2 has counted too little to become current" in refused.stderr.splitlines()[-1]
    assert execute(database.reader, "select generation from generation where is_current") == [(1,)]

    compacted(database, tmp_path, 2)
    assert step.result("progress", 2)["done"]
    assert step.result("switch", 2)["previous"] == 1
    assert step.result("switch", 2)["current"] == 2  # cut off after its commit, and taken again
    truth = assert_exact(broker.read(topic), tmp_path / "counts" / "generation=2")
    counted = execute(
        database.reader,
        "select metric, day, source, lang, term, posts from count_day join generation using (generation) "
        "where is_current and metric <> 'control'",
    )
    assert {row[:5]: row[5] for row in counted} == dict(days(truth))
    ((records, duplicates),) = execute(database.reader, "select records, duplicates from books where generation = 2")
    assert (records, duplicates) == (len(broker.read(topic)), truth.duplicates)
