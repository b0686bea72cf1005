"""The count log's writer, on the local file system."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame, SparkSession

from contract.manifest import OffsetRange
from counting.batches import CountLogWriter
from counting.checkpoint import Checkpoint
from counting.counting_rules import CountingRules
from counting.counts import KEY
from counting.files import Files
from counting.topic_guard import Confirmed, LeaderChanged

pytestmark = pytest.mark.spark

SCHEMA = (
    "arrival timestamp, bucket timestamp, metric string, source string, lang string, term string, "
    "posts bigint, reposts bigint"
)
AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
ROWS = [
    (AT, AT, "word", "x", "en", "b", 1, 0),
    (AT, AT, "hashtag", "x", "en", "zz", 2, 1),
    (AT, AT, "hashtag", "x", "de", "zz", 3, 0),
    (AT, AT, "hashtag", "x", "de", "日本", 4, 0),
    (AT, AT.replace(hour=11), "word", "x", "en", "a", 9, 0),
    (AT, AT, "read", "", "", "posts[0]@5 2", 1, 0),
    (AT, AT, "read", "", "", "posts[0]@8 1", 1, 0),
]


@pytest.fixture
def files(spark: SparkSession, tmp_path: Path) -> Files:
    return Files(spark, tmp_path.as_uri())


@pytest.fixture
def log(files: Files, tmp_path: Path) -> CountLogWriter:
    checkpoint = tmp_path / "checkpoint"
    (checkpoint / "sources" / "0").mkdir(parents=True)
    (checkpoint / "sources" / "0" / "0").write_text('\0v1\n{"posts":{"0":5,"1":0}}')
    (checkpoint / "offsets").mkdir()
    times = '{"batchWatermarkMs":0,"batchTimestampMs":1767268800123}'
    (checkpoint / "offsets" / "0").write_text(f'v1\n{times}\n{{"posts":{{"0":9,"1":0}}}}')
    return CountLogWriter(files, 3, Checkpoint(files, "checkpoint"), CountingRules(dedup_window_min=30))


def rows(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame(ROWS, SCHEMA).repartition(2, "term")


def test_a_batch_is_a_folder_with_sorted_parquet_and_a_manifest(
    spark: SparkSession, tmp_path: Path, log: CountLogWriter
) -> None:
    log.write(rows(spark), 0)
    folder = tmp_path / "counts" / "generation=3" / "batch=0"
    manifest = json.loads((folder / "manifest.json").read_text())
    found = []
    for file in manifest.pop("files"):
        parquet = pq.ParquetFile(folder / file["name"])
        assert parquet.metadata.num_rows == file["rows"]
        physical = {parquet.schema.column(i).name: parquet.schema.column(i).physical_type for i in (0, 1, 6)}
        assert physical == {"arrival": "INT64", "bucket": "INT64", "posts": "INT64"}
        table = parquet.read()
        assert table.schema.field("bucket").type == pa.timestamp("us", "UTC")
        part = [tuple(row[name] for name in KEY) for row in table.to_pylist()]
        assert part == sorted(part)
        found += [tuple(row.values()) for row in table.to_pylist()]
    assert sorted(found) == sorted(ROWS)
    assert manifest == {
        "generation": 3,
        "batch_id": 0,
        "processed_at": "2026-01-01T12:00:00.123000Z",
        "watermark": None,
        "offset_ranges": [
            {"topic": "posts", "partition": 0, "from_offset": 5, "until_offset": 9, "leader_epoch": None},
            {"topic": "posts", "partition": 1, "from_offset": 0, "until_offset": 0, "leader_epoch": None},
        ],
        "records": 4,
        "rows": 7,
        "code_version": "0.1.0",
        "top_hashtags": [["zz", 5], ["日本", 4]],
        "unread": 1,
        "dedup_window_min": 30,
        "topic_id": "",
    }
    assert list((tmp_path / "counts" / "generation=3" / "_aside").glob("*")) == []


def test_a_batch_that_is_there_already_stays(spark: SparkSession, tmp_path: Path, log: CountLogWriter) -> None:
    folder = tmp_path / "counts" / "generation=3" / "batch=0"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("theirs")
    log.write(rows(spark), 0)
    assert [(file.name, file.read_text()) for file in folder.iterdir()] == [("manifest.json", "theirs")]


def test_of_two_writers_at_once_the_first_one_wins(
    spark: SparkSession, tmp_path: Path, files: Files, log: CountLogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "counts" / "generation=3" / "batch=0"
    write_text = files.write_text

    def the_other_one_commits_first(path: str, text: str) -> None:
        write_text(path, text)
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text("theirs")

    monkeypatch.setattr(files, "write_text", the_other_one_commits_first)
    log.write(rows(spark), 0)
    assert [(file.name, file.read_text()) for file in folder.iterdir()] == [("manifest.json", "theirs")]
    assert list((tmp_path / "counts" / "generation=3" / "_aside").glob("[!.]*")) == []


def test_a_batch_without_rows_is_a_batch(spark: SparkSession, tmp_path: Path, log: CountLogWriter) -> None:
    log.write(rows(spark).limit(0), 0)
    manifest = json.loads((tmp_path / "counts" / "generation=3" / "batch=0" / "manifest.json").read_text())
    assert (manifest["rows"], manifest["records"], manifest["top_hashtags"]) == (0, 4, [])


def test_ranges_that_are_not_confirmed_are_not_committed(
    spark: SparkSession, tmp_path: Path, log: CountLogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(ranges: list[OffsetRange]) -> Confirmed:
        raise LeaderChanged(str(len(ranges)))

    monkeypatch.setattr(log, "_confirm", refuse)
    with pytest.raises(LeaderChanged, match="2"):
        log.write(rows(spark), 0)
    assert not (tmp_path / "counts" / "generation=3" / "batch=0").exists()


def test_a_task_that_outlives_its_batch_leaves_nothing_in_the_next_attempt(
    spark: SparkSession, tmp_path: Path, log: CountLogWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It still writes into the folder of its own attempt, which failed before the commit."""

    def refuse(_ranges: list[OffsetRange]) -> Confirmed:
        raise LeaderChanged

    def zombie_writes(ranges: list[OffsetRange]) -> Confirmed:
        left.mkdir(exist_ok=True)
        (left / "part-of-a-zombie.parquet").write_text("")
        return Confirmed("", ranges)

    monkeypatch.setattr(log, "_confirm", refuse)
    with pytest.raises(LeaderChanged):
        log.write(rows(spark), 0)
    (left,) = (tmp_path / "counts" / "generation=3" / "_aside").glob("batch=0-*")
    monkeypatch.setattr(log, "_confirm", zombie_writes)
    log.write(rows(spark), 0)
    newest = log.newest()
    assert newest is not None
    assert newest.rows == len(ROWS)


def test_what_a_crash_has_left_aside_is_cleaned(tmp_path: Path, log: CountLogWriter) -> None:
    aside = tmp_path / "counts" / "generation=3" / "_aside" / "batch=9-dead"
    aside.mkdir(parents=True)
    (aside / "part.parquet").touch()
    log.clean_aside()
    assert not aside.exists()
