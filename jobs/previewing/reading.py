"""Where a preview's records come from: the topic, or files (which a TCP server's lines are, once they have come)."""

import re

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from counting.files import Files
from counting.query import read_topic
from counting.topic import require_topic, resolve_starting_offsets
from previewing.settings import PreviewSettings

# A file that is moved in keeps its time; Spark would leave out, silently, what is a week older than the newest.
_ANY_AGE = "36500d"
_HEADERS = "array<struct<key string, value binary>>"


def read(spark: SparkSession, settings: PreviewSettings, files: Files, *, is_new: bool, received: str) -> DataFrame:
    """The source's records as a stream, in the topic's columns.

    Args:
        spark: the session.
        settings: what was asked for.
        files: of the checkpoint.
        is_new: whether the preview begins.
        received: the folder below `files` that a receiver fills.

    Raises:
        TopicUnreadable: the topic does not exist, or no broker answers.
        ValueError: the file or folder does not exist.
    """
    if settings.reads.kind == "tcp":
        return read_lines(spark, files.url(received), settings.max_files_per_batch)
    if settings.reads.kind == "file":
        return _read_path(spark, settings.reads.where, settings.max_files_per_batch)
    servers = settings.bootstrap_servers or ""
    offsets = settings.first_offsets
    if is_new:
        first = resolve_starting_offsets(servers, settings.topic, offsets, settings.kafka_config)
        return read_topic(spark, settings, first)
    require_topic(servers, settings.topic, settings.kafka_config)
    return read_topic(spark, settings, offsets)  # not used: the checkpoint has the offsets


def _read_path(spark: SparkSession, path: str, max_files_per_batch: int) -> DataFrame:
    if not Files(spark, path).exists(""):
        raise ValueError(f"--source: {path} does not exist")
    if Files(spark, path).is_folder(""):
        return read_lines(spark, path, max_files_per_batch)
    # Spark streams folders only: of the file's own, just the file.
    folder, _, name = path.rpartition("/")
    return read_lines(spark, folder, max_files_per_batch, only=re.sub(r"([\\*?\[\]{}^,])", r"\\\1", name))


def read_lines(spark: SparkSession, url: str, max_files_per_batch: int, only: str = "*") -> DataFrame:
    """Lines of a file, or of a folder's files, by time; *.gz too. A file is read once, when it is first seen.

    `topic` is the file; `partition` and `offset` are given by `lines.number_lines`; the time is the file's.
    """
    lines = (
        spark.readStream.format("text")
        .option("lineSep", "\n")  # a lone \r is white space in a post
        .option("pathGlobFilter", only)
        .option("maxFilesPerTrigger", max_files_per_batch)
        .option("maxFileAge", _ANY_AGE)
        .load(url)
    )
    return lines.select(
        F.col("_metadata.file_path").alias("topic"),
        F.lit(0).alias("partition"),
        F.lit(0).cast("long").alias("offset"),
        F.col("_metadata.file_modification_time").alias("timestamp"),
        F.lit(None).cast("binary").alias("key"),
        F.col("value").cast("binary"),  # the bytes as they are: what is not UTF-8 is dead, not mended
        F.lit(None).cast(_HEADERS).alias("headers"),
    )
