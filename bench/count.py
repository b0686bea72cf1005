"""The count stage's parts, as ratios in one run: `python bench/count.py [--posts 200000]`.

Needs no service. Figures are records per second on this machine, now; only their ratios mean something elsewhere.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "jobs")]

from pyspark.sql import DataFrame, SparkSession  # noqa: E402
from pyspark.sql import functions as F  # noqa: E402, N812

from counting import counts  # noqa: E402
from counting.counting_rules import CountingRules  # noqa: E402
from counting.records import spellings as spellings_of  # noqa: E402
from counting.session import start_session  # noqa: E402
from formats import parse, post_key, terms, words  # noqa: E402  # noqa: E402
from tests.counting.sample import records  # noqa: E402

RECORD = (
    "topic string, partition int, offset long, timestamp timestamp, key binary, value binary, "
    "headers array<struct<key string, value binary>>"
)
MINIMAL = (
    "id_str string, text string, lang string, timestamp_ms string, entities struct<hashtags array<struct<text string>>>"
)


def main() -> None:
    """Prints one table for plain Python and one for Spark."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--posts", type=int, default=200_000)
    arguments.add_argument("--tiny", action="store_const", dest="posts", const=2_000, help="only show that it runs")
    posts = arguments.parse_args().posts
    in_plain_python(min(posts, 50_000))
    folder = Path(tempfile.mkdtemp())
    try:
        in_spark(folder, posts)
    finally:
        shutil.rmtree(folder)


def in_plain_python(posts: int) -> None:
    """One core: the identity alone, the whole parse, the parse with terms; json.loads is 1."""
    lines = [(dict(sent.headers).get("dialect", b"").decode() or None, sent.value) for sent in records(1, posts)]
    lines = [(dialect, value) for dialect, value in lines if value.startswith(b'{"')]

    def with_terms(*, spellings: bool) -> None:
        for dialect, value in lines:
            parsed = parse(dialect, value)
            words.plain(parsed.text)
            terms.hashtags(parsed.hashtags)
            if spellings:
                spellings_of(parsed.hashtags)

    show(
        len(lines),
        {
            "json.loads": lambda: [_loads(value) for _, value in lines],
            "post_key": lambda: [post_key(dialect, value) for dialect, value in lines],
            "parse": lambda: [parse(dialect, value) for dialect, value in lines],
            "parse, words, hashtags": lambda: with_terms(spellings=False),
            "parse, words, hashtags, spellings": lambda: with_terms(spellings=True),
        },
    )


def _loads(value: bytes) -> object:
    try:
        return json.loads(value)
    except ValueError:
        return None


def in_spark(folder: Path, posts: int) -> None:
    """Batch, local[2]: our parse against from_json, and what each further step costs."""
    spark = start_session("bench", "local[2]", 2, None)
    source = str(folder / "records")
    for number, part in enumerate(chunks(posts)):
        spark.createDataFrame(part, RECORD).coalesce(1).write.mode("append").parquet(source)
        print(f"\r{number} files", end="", file=sys.stderr)  # noqa: T201
    lines = spark.read.parquet(source).count()

    def run(build: Callable[[DataFrame], DataFrame]) -> Callable[[], object]:
        return lambda: build(topic(spark, source)).write.format("noop").mode("overwrite").save()

    def parsed(frame: DataFrame) -> DataFrame:
        return counts.parse(counts.with_processed_at(frame), CountingRules())

    def without_spellings(frame: DataFrame) -> DataFrame:
        none = F.array().cast("array<string>")
        return counts.count(counts.explode(counts.dedupe(parsed(frame), 120).withColumn("spellings", none)))

    show(
        lines,
        {
            "read": run(lambda frame: frame),
            "from_json, a minimal schema, nothing checked": run(_from_json),
            "parse (mapInArrow)": run(parsed),
            "… and dedupe": run(lambda frame: counts.dedupe(parsed(frame), 120)),
            "… and explode": run(lambda frame: counts.explode(counts.dedupe(parsed(frame), 120))),
            "… and count, without spellings": run(without_spellings),
            "… and count: the whole": run(lambda frame: counts.counts(frame, CountingRules())),
        },
    )
    spark.stop()


def topic(spark: SparkSession, source: str) -> DataFrame:
    """The records as the topic would give them."""
    return spark.read.schema(RECORD).parquet(source)


def _from_json(frame: DataFrame) -> DataFrame:
    return frame.select(F.from_json(F.col("value").cast("string"), MINIMAL).alias("post")).select("post.*")


def chunks(posts: int) -> Iterator[list[tuple[object, ...]]]:
    """The records in lists of 20,000: a file each."""
    rows: list[tuple[object, ...]] = []
    for offset, sent in enumerate(records(1, posts)):
        rows.append(("posts", offset % 4, offset, None, sent.key, sent.value, sent.headers))
        if len(rows) == 20_000:
            yield rows
            rows = []
    yield rows


def show(lines: int, ways: dict[str, Callable[[], object]]) -> None:
    """The best of three of each way, and its ratio to the first."""
    first = 0.0
    for name, way in ways.items():
        best = min(_seconds(way) for _ in range(3))
        first = first or best
        print(f"{name:<46} {lines / best:>10,.0f}/s   {best / first:5.2f}")  # noqa: T201
    print()  # noqa: T201


def _seconds(way: Callable[[], object]) -> float:
    started = time.perf_counter()
    way()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
