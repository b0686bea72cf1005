"""The pure functions from records to counts: each in batch and in streaming, with the same result."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from contract.names import Retweets
from counting import counts
from counting.counting_rules import CountingRules
from counting.read_tally import records_of
from tests.counting.test_records import POST, RETWEET, record

pytestmark = pytest.mark.spark

RECORD = (
    "topic string, partition int, offset long, timestamp timestamp, key binary, value binary, "
    "headers array<struct<key string, value binary>>"
)
PARSED = (
    "record_id string, kind string, processed_at timestamp, event_at timestamp, source string, lang string, "
    "term string, hashtags array<string>, spellings array<string>, words array<string>, is_repost boolean"
)
EXPLODED = (
    "processed_at timestamp, bucket timestamp, metric string, source string, lang string, term string, "
    "is_repost boolean"
)
AT = datetime(2026, 1, 1, 12, 3, 4, tzinfo=UTC)

Function = Callable[[DataFrame], DataFrame]
Run = Callable[..., list[Row]]


def in_batch(
    spark: SparkSession, _folder: Path, schema: str, rows: list[dict[str, Any]], function: Function
) -> list[Row]:
    return function(spark.createDataFrame(rows, schema)).collect()


def in_streaming(
    spark: SparkSession, folder: Path, schema: str, rows: list[dict[str, Any]], function: Function
) -> list[Row]:
    """Two files, hence two batches; of rows with the same key the last one stands, as in the count log."""
    half = (len(rows) + 1) // 2
    for part in (rows[:half], rows[half:]):
        frame = spark.createDataFrame(part, schema).coalesce(1)
        frame.write.mode("append").parquet(str(folder / "in"))
    stream = spark.readStream.schema(schema).option("maxFilesPerTrigger", 1).parquet(str(folder / "in"))
    seen: list[Row] = []
    query = (
        function(stream)
        .writeStream.outputMode("update")
        .option("checkpointLocation", str(folder / "checkpoint"))
        .foreachBatch(lambda batch, _number: seen.extend(batch.collect()))
        .trigger(availableNow=True)
        .start()
    )
    assert query.awaitTermination(120)
    key = [name for name in (seen[0].asDict() if seen else {}) if name not in ("posts", "reposts")]
    if set(key) == set(counts.KEY):
        return list({tuple(row[name] for name in key): row for row in seen}.values())
    return seen


@pytest.fixture(params=[in_batch, in_streaming], ids=["batch", "streaming"])
def run(request: pytest.FixtureRequest, spark: SparkSession, tmp_path: Path) -> Run:
    def call(schema: str, rows: list[dict[str, Any]], function: Function) -> list[Row]:
        result: list[Row] = request.param(spark, tmp_path, schema, rows, function)
        return result

    return call


def parsed(record_id: str, **changed: Any) -> dict[str, Any]:
    plain = {"record_id": record_id, "kind": "post", "processed_at": AT, "event_at": AT - timedelta(hours=1)}
    plain |= {"source": "x", "lang": "en", "term": "", "hashtags": ["a"], "spellings": ["a\ta"]}
    plain |= {"words": ["#a", "b"], "is_repost": False}
    return plain | changed


def exploded(term: str, *, is_repost: bool = False, **changed: Any) -> dict[str, Any]:
    plain = {"processed_at": AT, "bucket": AT.replace(second=0), "metric": "word", "source": "x", "lang": "en"}
    return plain | {"term": term, "is_repost": is_repost} | changed


def test_parse_keeps_the_batchs_time_and_gives_one_row_a_record(run: Run) -> None:
    started = datetime.now(UTC)
    rows = run(
        RECORD,
        [record(POST, offset=1), record(b"[]", offset=2)],
        lambda records: counts.parse(counts.with_processed_at(records), CountingRules()),
    )
    assert [(row.record_id, row.kind) for row in rows if row.kind != "read"] == [
        ("x:1800000000000000000", "post"),
        ("dead/posts[3]@2", "dead"),
    ]
    assert records_of(row.term for row in rows if row.kind == "read") == 2
    for row in rows:
        assert started - timedelta(seconds=1) <= row.processed_at.astimezone(UTC) <= datetime.now(UTC)


def test_dedupe_keeps_one_of_each_identity(run: Run) -> None:
    rows = [
        parsed("x:1"),
        parsed("x:2"),
        parsed("x:1", lang="de", source="y"),
        parsed("post/line:1"),
        parsed("dead/line:1"),
        parsed("x:2"),
    ]
    kept = run(PARSED, rows, lambda frame: counts.dedupe(frame, 120))
    assert sorted(row.record_id for row in kept) == ["dead/line:1", "post/line:1", "x:1", "x:2"]


@pytest.mark.parametrize(("window_min", "kept"), [(3, ["x:1", "x:2", "x:3"]), (1, ["x:1", "x:1", "x:2", "x:3"])])
def test_a_repeat_is_recognised_within_the_dedup_window_and_not_after_it(
    spark: SparkSession, tmp_path: Path, window_min: int, kept: list[str]
) -> None:
    """The post; others, that move the watermark and make it act; the post again, 160 s after it came first."""
    for number, (record_id, after_s) in enumerate([("x:1", 0), ("x:2", 150), ("x:3", 155), ("x:1", 160)]):
        frame = spark.createDataFrame([parsed(record_id, processed_at=AT + timedelta(seconds=after_s))], PARSED)
        frame.coalesce(1).write.parquet(str(tmp_path / "in" / f"n={number}"))
    stream = spark.readStream.schema(PARSED).option("maxFilesPerTrigger", 1).parquet(str(tmp_path / "in" / "*"))
    seen: list[str] = []
    query = (
        counts.dedupe(stream, window_min)
        .writeStream.option("checkpointLocation", str(tmp_path / "checkpoint"))
        .foreachBatch(lambda batch, _number: seen.extend(row.record_id for row in batch.collect()))
        .trigger(availableNow=True)
        .start()
    )
    assert query.awaitTermination(120)
    assert sorted(seen) == kept


def test_explode_has_a_row_for_the_post_each_hashtag_spelling_and_word(run: Run) -> None:
    post = parsed("x:1", hashtags=["a", "b"], spellings=["a\ta", "a\tA", "b\tB"], words=["#a", "c"], is_repost=True)
    rows = run(PARSED, [post], counts.explode)
    minute, hour = datetime(2026, 1, 1, 11, 3, tzinfo=UTC), datetime(2026, 1, 1, 11, tzinfo=UTC)
    assert sorted((row.metric, row.term, row.bucket.astimezone(UTC), row.is_repost) for row in rows) == [
        ("hashtag", "a", minute, True),
        ("hashtag", "b", minute, True),
        ("post", "", minute, True),
        ("spelling", "a\tA", hour, True),
        ("spelling", "a\ta", hour, True),
        ("spelling", "b\tB", hour, True),
        ("word", "#a", hour, True),
        ("word", "c", hour, True),
    ]


def test_explode_has_one_row_for_what_is_no_post(run: Run) -> None:
    dead = parsed("dead/1", kind="dead", term="posts[0]@1 missing id", hashtags=[], spellings=[], words=[], lang="und")
    (row,) = run(PARSED, [dead], counts.explode)
    assert (row.metric, row.term) == ("dead", "posts[0]@1 missing id")


@pytest.mark.parametrize(
    ("event_at", "bucket"),
    [
        (datetime(2006, 1, 1, tzinfo=UTC), datetime(2006, 1, 1, tzinfo=UTC)),
        (datetime(2005, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)),
        (AT + timedelta(minutes=10), datetime(2026, 1, 1, 12, 13, tzinfo=UTC)),
        (AT + timedelta(minutes=10, microseconds=1), datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_an_implausible_event_time_has_a_bucket_of_its_own(
    spark: SparkSession, tmp_path: Path, event_at: datetime, bucket: datetime
) -> None:
    rows = in_batch(spark, tmp_path, PARSED, [parsed("x:1", event_at=event_at, spellings=[], words=[])], counts.explode)
    assert {row.bucket.astimezone(UTC) for row in rows} == {bucket}


def test_count_adds_up_by_key_and_arrival(run: Run) -> None:
    rows = [exploded("a"), exploded("b"), exploded("a", is_repost=True), exploded("a", lang="de")]
    rows.append(exploded("a", processed_at=AT + timedelta(minutes=7)))
    found = run(EXPLODED, rows, _counted)
    early, late = datetime(2026, 1, 1, 12, tzinfo=UTC), datetime(2026, 1, 1, 12, 10, tzinfo=UTC)
    assert sorted((row.term, row.lang, row.arrival.astimezone(UTC), row.posts, row.reposts) for row in found) == [
        ("a", "de", early, 1, 0),
        ("a", "en", early, 2, 1),
        ("a", "en", late, 1, 0),
        ("b", "en", early, 1, 0),
    ]
    assert list(found[0].asDict()) == [*counts.KEY, "posts", "reposts"]


def _counted(frame: DataFrame) -> DataFrame:
    return counts.count(frame.withWatermark("processed_at", "2 hours") if frame.isStreaming else frame)


def test_the_whole_way_counts_posts_that_contain_a_term(run: Run) -> None:
    second = json.dumps({"id_str": "1800000000000000001", "text": "b #A #a", "lang": "en"}).encode()
    sent = [POST, second, POST, b"plain b"]
    records = [record(value, offset=number) for number, value in enumerate(sent)]
    found = run(RECORD, records, lambda frame: counts.counts(frame, CountingRules()))
    counted = Counter[tuple[str, str, str]]()
    for row in found:
        counted[row.metric, row.source, row.term] += row.posts if row.metric != "read" else 0
    assert +counted == {
        ("post", "x", ""): 2,
        ("hashtag", "x", "a"): 2,
        ("spelling", "x", "a\ta"): 2,
        ("spelling", "x", "a\tA"): 1,
        ("word", "x", "#a"): 2,
        ("word", "x", "b"): 2,
        ("post", "text", ""): 1,
        ("word", "text", "plain"): 1,
        ("word", "text", "b"): 1,
    }
    assert records_of(row.term for row in found if row.metric == "read") == len(sent)


@pytest.mark.parametrize(("retweets", "tags"), [("full", {"one", "two"}), ("own", {"on"})])
def test_a_repost_counts_as_the_generation_means_it(run: Run, retweets: Retweets, tags: set[str]) -> None:
    rules = CountingRules(retweets=retweets)
    found = run(RECORD, [record(RETWEET)], lambda frame: counts.counts(frame, rules))
    assert {row.term for row in found if row.metric == "hashtag"} == tags
    assert {row.term.split("\t")[0] for row in found if row.metric == "spelling"} == tags
    assert {(row.posts, row.reposts) for row in found if row.metric in ("post", "hashtag", "word")} == {(1, 1)}


def test_of_a_posts_versions_in_one_batch_the_first_by_offset_counts(spark: SparkSession, tmp_path: Path) -> None:
    versions = [
        record(json.dumps({"id_str": str(10**18 + n // 4), "text": f"v{n % 4}"}).encode(), offset=n) for n in range(800)
    ]
    found = in_one_batch(spark, tmp_path, versions, lambda frame: counts.counts(frame, CountingRules()))
    words = Counter[str]()
    for row in found:
        words[row.term] += row.posts if row.metric == "word" else 0
    assert +words == {"v0": 200}


def in_one_batch(spark: SparkSession, folder: Path, rows: list[dict[str, Any]], function: Function) -> list[Row]:
    """One partition's records in one micro-batch, in their order, as Kafka's source gives them."""
    spark.createDataFrame(rows, RECORD).coalesce(1).write.parquet(str(folder / "in"))
    seen: list[Row] = []
    writer = function(spark.readStream.schema(RECORD).parquet(str(folder / "in"))).writeStream.outputMode("update")
    writer = writer.option("checkpointLocation", str(folder / "checkpoint"))
    query = writer.foreachBatch(lambda batch, _number: seen.extend(batch.collect())).trigger(availableNow=True).start()
    assert query.awaitTermination(120)
    return seen


def test_event_times_of_years_ago_are_not_late_in_a_running_stream(spark: SparkSession, tmp_path: Path) -> None:
    new = {"id_str": "1800000000000000001", "text": "b", "timestamp_ms": str(int(datetime.now(UTC).timestamp() * 1000))}
    old = {"id_str": "1800000000000000002", "text": "b", "timestamp_ms": "1300000000000"}
    records = [record(json.dumps(each).encode()) for each in (new, old)]
    rules = CountingRules(dedup_window_min=1)
    found = in_streaming(spark, tmp_path, RECORD, records, lambda frame: counts.counts(frame, rules))
    years = sorted(row.bucket.astimezone(UTC).year for row in found if row.metric == "post")
    assert years == [2011, datetime.now(UTC).year]


def test_the_optimiser_does_not_fold_the_batchs_time_away(spark: SparkSession) -> None:
    frame = spark.createDataFrame([], RECORD)
    plan = (
        counts.parse(counts.with_processed_at(frame), CountingRules())
        .select(F.col("processed_at"))
        ._jdf.queryExecution()
        .toString()
    )
    assert "MapInArrow" in plan.split("== Physical Plan ==")[1]
