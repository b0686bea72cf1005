"""The Spark session of the count stage: each setting with its reason."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark.errors import StreamingQueryException
from pyspark.sql import SparkSession

from contract.job import JobFailedError
from counting.settings import SparkOptions

_STATE = "org.apache.spark.sql.execution.streaming.state"

REDACTED = "(?i)secret|password|token|access[.]?key|credential|jaas|keystore|truststore|url"
"""Names of settings and options whose values Spark hides: its own defaults, and Kafka's login and certificates."""

SPARK_SETTINGS: dict[str, str] = {
    # Every bucket is cut in UTC, wherever the cluster stands.
    "spark.sql.session.timeZone": "UTC",
    # Compaction reads INT64 microseconds; the default INT96 is deprecated and read differently by every library.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # Hours of open buckets don't fit into the executor's heap; RocksDB keeps them beside it.
    "spark.sql.streaming.stateStore.providerClass": f"{_STATE}.RocksDBStateStoreProvider",
    # A batch uploads what it changed, not a snapshot: commits in tens of milliseconds instead of seconds.
    "spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled": "true",
    # Half of a container's memory budget is ours to keep: without a bound each store takes what it likes.
    "spark.sql.streaming.stateStore.rocksdb.boundedMemoryUsage": "true",
    "spark.sql.streaming.stateStore.rocksdb.maxMemoryUsageMB": "128",
    # An empty batch has nothing to count: without this the watermark alone would make one.
    "spark.sql.streaming.noDataMicroBatches.enabled": "false",
    # Commit files of the Parquet writer that nobody reads: the manifest says what is whole.
    "spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
    # Saves one rename for each file; safe, because the folder is renamed only when it is complete.
    "spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version": "2",
    # The batches are small and alike: planning them anew costs more than it wins.
    "spark.sql.adaptive.enabled": "false",
    # A batch of small Arrow pieces: 10,000 posts of 2 KB with their words are 60 MB in a worker, twice that is killed.
    "spark.sql.execution.arrow.maxRecordsPerBatch": "2000",
    # INFO is a screenful each trigger in the driver; what we say ourselves is logged by Python.
    "spark.log.level": "WARN",
    # What a plan or a log must not show of a source's options: Kafka's credentials (`contract.kafka_client`).
    "spark.sql.redaction.options.regex": REDACTED,
    "spark.redaction.regex": REDACTED,
    # A progress bar for a terminal that nobody watches.
    "spark.ui.showConsoleProgress": "false",
    # We watch the progress of the last batches, and don't need a hundred plans in memory.
    "spark.sql.streaming.numRecentProgressUpdates": "20",
    "spark.sql.ui.retainedExecutions": "5",
    "spark.ui.retainedJobs": "20",
    "spark.ui.retainedStages": "20",
    "spark.ui.retainedTasks": "200",
}


@contextmanager
def session(name: str, options: SparkOptions) -> Iterator[SparkSession]:
    """A session for one job, stopped at the end.

    Raises:
        JobFailedError: a query failed; Spark has logged the trace.
    """
    # INFO is a screenful for each batch; of kafka-python an error is one for each try, and we say once what it was.
    logging.getLogger("py4j").setLevel(logging.WARNING)
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    spark = start_session(name, options.master, options.shuffle_partitions, options.local_jars)
    try:
        yield spark
    except StreamingQueryException as error:
        raise JobFailedError(f"the query failed: {_cause(error)}") from error
    finally:
        spark.stop()


def _cause(error: StreamingQueryException) -> str:
    """The first line, which names the query, and the innermost cause."""
    lines = str(error).splitlines()
    causes = [line for line in lines if line.startswith("Caused by: ")]
    return " ".join([lines[0], *causes[-1:]])


def start_session(name: str, master: str | None, shuffle_partitions: int, connector_jars: Path | None) -> SparkSession:
    """A session with our settings; on YARN `master` is None and spark-submit has decided where it runs.

    Args:
        name: the application's name.
        master: `local[2]` and the like for development.
        shuffle_partitions: fixed over a checkpoint's life: Spark keeps to the number that a checkpoint began with.
        connector_jars: the folder of the Kafka connector's jars, where spark-submit doesn't bring them.
    """
    builder = SparkSession.builder.appName(name)
    for key, value in SPARK_SETTINGS.items():
        builder = builder.config(key, value)
    builder = builder.config("spark.sql.shuffle.partitions", str(shuffle_partitions))
    if master is not None:
        # Workers import `counting` too; on YARN --py-files provides it.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_JOBS), os.environ.get("PYTHONPATH")]))
        builder = builder.master(master).config("spark.ui.enabled", "false")
        builder = builder.config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1")
    if connector_jars is not None:
        builder = builder.config("spark.driver.extraClassPath", f"{connector_jars}/*")
    return builder.getOrCreate()


_JOBS = Path(__file__).resolve().parent.parent
