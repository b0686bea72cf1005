"""Sliding windows against a plain recount of the same batches."""

from collections import Counter
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from counting.files import Files
from previewing.windows import Windows

pytestmark = pytest.mark.spark

SCHEMA = (
    "metric string, term string, posts bigint,"
    " latest struct<at timestamp, record_id string, name string, friends bigint, followers bigint>"
)
# Batch times in seconds, one of them late by almost a slide, one slide without a batch, and two batches in one slide.
BATCHES = [(100, {"a": 1}), (110, {"a": 2, "b": 1}), (129, {"c": 1}), (150, {"a": 5}), (151, {"b": 2}), (160, {"a": 1})]


def _frame(spark: SparkSession, posts: dict[str, int]) -> DataFrame:
    return spark.createDataFrame([("hashtag", term, count, None) for term, count in posts.items()], SCHEMA)


def _within(batches: list[tuple[int, dict[str, int]]], slots: int) -> Counter[str]:
    newest = batches[-1][0] // 10
    total: Counter[str] = Counter()
    for at_s, posts in batches:
        if newest - slots < at_s // 10 <= newest:
            total.update(posts)
    return total


@pytest.mark.parametrize("window_s", [10, 20, 40])
def test_each_window_is_the_sum_of_its_batches_also_where_one_runs_again(
    spark: SparkSession, tmp_path: Path, window_s: int
) -> None:
    windows = Windows(spark, Files(spark, tmp_path.as_uri()), window_s, 10)
    for number, (at_s, posts) in enumerate(BATCHES):
        if number % 2:
            windows.add(_frame(spark, {"torn": 9}), number, at_s * 1000).collect()
        rows = windows.add(_frame(spark, posts), number, at_s * 1000).collect()
        assert {row.term: row.posts for row in rows} == _within(BATCHES[: number + 1], window_s // 10)
