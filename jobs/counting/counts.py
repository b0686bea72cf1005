"""From Kafka records to counts: pure functions of DataFrames, the same in batch and in streaming.

    with_processed_at → parse → dedupe → explode → count

Event time is only a key. The watermark runs on `processed_at`, the batch's own time, so nothing is ever too late.
"""

from collections.abc import Iterator

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 - as all of Spark's documentation has it
from pyspark.sql.pandas.types import from_arrow_schema

from counting.counting_rules import CountingRules
from counting.read_tally import ReadTally
from counting.records import PARSED, parse_batches

KEY = ["arrival", "bucket", "metric", "source", "lang", "term"]
ARRIVAL = "10 minutes"
EARLIEST_PLAUSIBLE = "2006-01-01T00:00:00Z"  # the first network's first post was in March of that year
AHEAD = "INTERVAL 10 MINUTES"  # clocks differ; beyond this an event time is wrong
IMPLAUSIBLE_BUCKET = "1970-01-01T00:00:00Z"

_RECORD = ["topic", "partition", "offset", "timestamp", "key", "value", "headers"]


def with_processed_at(records: DataFrame) -> DataFrame:
    """The records with the batch's own time, the same again when the batch runs again.

    `current_timestamp()` is kept in the offset log. It must be selected with the raw value and pass through the parse:
    added afterwards, the optimiser may fold it into a constant, and the watermark is lost.
    """
    return records.select(*_RECORD, F.current_timestamp().alias("processed_at"))


def parse(records: DataFrame, rules: CountingRules) -> DataFrame:
    """One row a record, as PARSED says, and one for each task and partition that says how many it has read.

    Python over Arrow batches; everything behind it is Catalyst.
    """

    def parsed(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        tally = ReadTally()
        yield from parse_batches(tally.of(batches), rules)
        yield from tally.rows()

    return records.mapInArrow(parsed, from_arrow_schema(PARSED, prefer_timestamp_ntz=False))


def dedupe(parsed: DataFrame, dedup_window_min: int) -> DataFrame:
    """The first row of each `record_id` within the dedup window, which is processing time; in batch, of all.

    Of different versions, the one with the lowest offset is first if they share a partition, which our collector's keys
    ensure.
    """
    if not parsed.isStreaming:
        return parsed.dropDuplicates(["record_id"])
    return parsed.withWatermark("processed_at", f"{dedup_window_min} minutes").dropDuplicatesWithinWatermark(
        ["record_id"]
    )


def explode(parsed: DataFrame) -> DataFrame:
    """One row for each thing that is counted: the record itself, each hashtag, each spelling, each word.

    Columns: processed_at, bucket, metric, source, lang, term, is_repost.
    """
    things = F.concat(F.array("term"), "hashtags", "spellings", "words")  # its position decides the metric
    exploded = parsed.select(
        "processed_at",
        "kind",
        "source",
        "lang",
        "is_repost",
        _plausible("event_at").alias("event_at"),
        F.size("hashtags").alias("hashtags"),
        F.size("spellings").alias("spellings"),
        F.posexplode(things).alias("position", "term"),
    )
    metric = (
        F.when(F.col("position") == 0, F.col("kind"))
        .when(F.col("position") <= F.col("hashtags"), "hashtag")
        .when(F.col("position") <= F.col("hashtags") + F.col("spellings"), "spelling")
        .otherwise("word")
    )
    by_hour = metric.isin("word", "spelling")
    bucket = F.when(by_hour, F.date_trunc("hour", "event_at")).otherwise(F.date_trunc("minute", "event_at"))
    return exploded.select(
        "processed_at", bucket.alias("bucket"), metric.alias("metric"), "source", "lang", "term", "is_repost"
    )


def count(exploded: DataFrame) -> DataFrame:
    """Absolute counts by KEY. In streaming (update mode) those that changed in the batch."""
    window = F.window("processed_at", ARRIVAL)  # by the window, not its start: else streaming loses the watermark
    return (
        exploded.groupBy(window.alias("arrival"), "bucket", "metric", "source", "lang", "term")
        .agg(F.count(F.lit(1)).alias("posts"), F.count_if("is_repost").alias("reposts"))
        .select(F.col("arrival.start").alias("arrival"), *KEY[1:], "posts", "reposts")
    )


def counts(records: DataFrame, rules: CountingRules) -> DataFrame:
    """The whole way, from the topic's records to counts."""
    return count(explode(dedupe(parse(with_processed_at(records), rules), rules.dedup_window_min)))


def _plausible(event_at: str) -> Column:
    """The event time; 1970-01-01 where it can't be right."""
    at = F.col(event_at)
    earliest = F.lit(EARLIEST_PLAUSIBLE).cast("timestamp")
    believed = (at >= earliest) & (at <= F.col("processed_at") + F.expr(AHEAD))
    return F.when(believed, at).otherwise(F.lit(IMPLAUSIBLE_BUCKET).cast("timestamp"))
