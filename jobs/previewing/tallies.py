"""From records to tallies: pure functions of DataFrames, with the main job's own parse, dedupe and explode.

A tally has one row a (metric, term): posts, and of authors the latest that is known. Beside the metric that is
previewed it has a row (term empty) for each kind of record: `post`, `late`, `control`, `gap`, `dead`.
"""

from collections.abc import Iterator

import pyarrow as pa
from pyspark import TaskContext
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema

from contract.job_requests import Metric
from counting import counts
from counting.counting_rules import CountingRules
from counting.records import PARSED, parse_batches
from previewing.lines import PARSED_WITH_AUTHOR, number_lines, parse_with_authors

KINDS = ("post", "late", "control", "gap", "dead")
AUTHOR = "author"
_LATEST = "struct<at timestamp, record_id string, name string, friends bigint, followers bigint>"
_KEY = ("metric", "term")


def parse(records: DataFrame, rules: CountingRules, metric: Metric, *, of_files: bool) -> DataFrame:
    """One row a record, as the main job has it; with `author` where authors are previewed."""
    with_authors = metric == AUTHOR

    def parsed(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        if of_files:
            context = TaskContext.get()
            batches = number_lines(batches, context.partitionId() if context is not None else 0)
        return parse_with_authors(batches, rules) if with_authors else parse_batches(batches, rules)

    schema = PARSED_WITH_AUTHOR if with_authors else PARSED
    return counts.with_processed_at(records).mapInArrow(parsed, from_arrow_schema(schema, prefer_timestamp_ntz=False))


def explode(parsed: DataFrame, metric: Metric, late_after_s: int) -> DataFrame:
    """Columns metric, term, latest: a row for each thing that is counted, and one for the record itself.

    A post is `late` where it happened more than `late_after_s` before it came, or at an implausible time.
    """
    in_time = F.col("event_at") >= F.col("processed_at") - F.expr(f"INTERVAL {late_after_s} SECONDS")
    kind = F.when((F.col("kind") == "post") & ~in_time, "late").otherwise(F.col("kind"))
    parsed = parsed.withColumn("kind", kind)
    if metric == AUTHOR:
        return _explode_authors(parsed)
    exploded = counts.explode(parsed).where(F.col("metric").isin(metric, *KINDS))
    # Of a dead letter or control message the place and the words are of no interest here, only how many there are.
    term = F.when(F.col("metric") == metric, F.col("term")).otherwise("")
    return exploded.select("metric", term.alias("term"), F.lit(None).cast(_LATEST).alias("latest"))


def _explode_authors(parsed: DataFrame) -> DataFrame:
    metrics = F.when(F.col("author").isNull(), F.array("kind")).otherwise(F.array("kind", F.lit(AUTHOR)))
    exploded = parsed.select("record_id", "event_at", "author", F.explode(metrics).alias("metric"))
    latest = F.struct(
        F.col("event_at").alias("at"), "record_id", *(f"author.{name}" for name in ("name", "friends", "followers"))
    )
    return exploded.select(
        "metric",
        F.when(F.col("metric") == AUTHOR, F.col("author.key")).otherwise("").alias("term"),
        F.when(F.col("metric") == AUTHOR, latest).otherwise(F.lit(None)).cast(_LATEST).alias("latest"),
    )


def tally(exploded: DataFrame) -> DataFrame:
    """The posts of each (metric, term)."""
    return exploded.groupBy(*_KEY).agg(F.count(F.lit(1)).alias("posts"), F.max("latest").alias("latest"))


def merge(tallies: DataFrame) -> DataFrame:
    """Several tallies as one."""
    return tallies.groupBy(*_KEY).agg(F.sum("posts").alias("posts"), F.max("latest").alias("latest"))


def books(tallied: DataFrame) -> dict[str, int]:
    """How many records of each kind; `post` has the late ones in it, `late` says how many they are."""
    found = {row.metric: row.posts for row in tallied.where(F.col("metric").isin(*KINDS)).collect()}
    found = {kind: found.get(kind, 0) for kind in KINDS}
    found["post"] += found["late"]
    return found


def ranked(tallied: DataFrame, metric: Metric) -> DataFrame:
    """What is shown of a metric, most first; of equals by term.

    Columns posts, term; of authors friends, followers, posts, name: most friends first, then most followers.
    """
    chosen = tallied.where(F.col("metric") == metric)
    if metric != AUTHOR:
        return chosen.orderBy(F.desc("posts"), "term").select("posts", "term")
    known = chosen.select("latest.friends", "latest.followers", "posts", "latest.name", "term")
    order = (F.desc_nulls_last("friends"), F.desc_nulls_last("followers"), F.col("term"))
    return known.orderBy(*order).select("friends", "followers", "posts", "name")
