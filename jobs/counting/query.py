"""The one streaming query: topic → counts → count log."""

from typing import Protocol

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from contract.kafka_client import KafkaClientConfig
from counting.batches import CountLogWriter
from counting.checkpoint import Checkpoint
from counting.counts import counts
from counting.settings import CountSettings


class TopicSettings(Protocol):
    """The settings for reading the topic."""

    @property
    def bootstrap_servers(self) -> str | None:
        """`host:port[,host:port]`."""

    @property
    def topic(self) -> str:
        """The topic's name."""

    @property
    def max_records_per_batch(self) -> int:
        """At most so many records in a batch, over all partitions."""

    @property
    def kafka_config(self) -> KafkaClientConfig:
        """Kafka client configuration with credentials."""


def read_topic(spark: SparkSession, settings: TopicSettings, starting_offsets: str) -> DataFrame:
    """The topic's records as a stream, headers included."""
    return (
        spark.readStream.format("kafka")
        .options(**settings.kafka_config.for_spark())
        .option("kafka.bootstrap.servers", settings.bootstrap_servers)
        .option("subscribe", settings.topic)
        .option("startingOffsets", starting_offsets)
        .option("includeHeaders", "true")
        .option("kafka.isolation.level", "read_committed")  # what a transaction has aborted was never sent
        .option("failOnDataLoss", "true")  # records that expired uncounted are an error, never silence
        .option("maxOffsetsPerTrigger", settings.max_records_per_batch)
        .load()
    )


def start(
    records: DataFrame, settings: CountSettings, checkpoint: Checkpoint, count_log: CountLogWriter
) -> StreamingQuery:
    """Starts counting. Update mode: a batch has the keys it changed, with absolute counts."""
    writer = (
        counts(records, settings.rules)
        .writeStream.queryName(settings.name)
        .outputMode("update")
        .option("checkpointLocation", checkpoint.url)
        .foreachBatch(count_log.write)
    )
    if settings.until_caught_up:
        return writer.trigger(availableNow=True).start()
    return writer.trigger(processingTime=f"{settings.trigger_interval_s} seconds").start()
