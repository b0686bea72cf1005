"""The count job's command line as one frozen, checked object, and what it shares with the preview's."""

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field

from contract import names
from contract.job import JobParser
from contract.kafka_client import PLAIN, KafkaClientConfig, read_kafka_config
from contract.names import RETWEETS, WORDS, Retweets, Words
from contract.options import Options
from counting.counting_rules import CountingRules

EARLIEST = "earliest"
FromFile = Annotated[KafkaClientConfig, BeforeValidator(read_kafka_config)]


def default_shuffle_partitions() -> int:
    """Half of the cores: state lives in each partition, and 200 of them are three to four times slower than two."""
    return max(1, (os.cpu_count() or 2) // 2)


def _starting_offsets(value: str) -> str:
    if value == EARLIEST:
        return value
    try:
        offsets = json.loads(value)
        valid = bool(offsets) and all(int(partition) >= 0 and int(each) >= 0 for partition, each in offsets.items())
    except (ValueError, AttributeError, TypeError):
        valid = False
    if not valid:
        raise ValueError('expected `earliest`, or JSON with each partition\'s first offset: {"0": 120, "1": 98}')
    return value


class _Moved(argparse.Action):
    """Refuses as soon as it is read, before other options are missed."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        parser.error("--mode: a preview is a job of its own: python jobs/preview.py, with the same options")


class SparkOptions(Options):
    """How a Spark job that counts records runs, whatever it does with the counts."""

    former_options: ClassVar[dict[str, str]] = {"dedup_window_min": "--horizon-min"}

    kafka_config: FromFile = Field(
        default=PLAIN, description="Kafka client configuration with credentials (mode 0400 or 0600)"
    )
    topic: str = Field(
        default=names.TOPIC, pattern=r"^[A-Za-z0-9._-]{1,249}$", description="the Kafka topic of the posts"
    )
    retweets: Retweets = Field(default=RETWEETS[0], description="whose text and hashtags a repost counts")
    words: Words = Field(default=WORDS[0], description="split on white space, or without URLs, stop words …")
    dedup_window_min: int = Field(
        default=names.DEDUP_WINDOW_MIN, ge=1, description="minutes for which repeats of a post are recognised"
    )
    max_records_per_batch: int = Field(default=names.MAX_RECORDS_PER_BATCH, ge=1, description="over all partitions")
    shuffle_partitions: int = Field(
        default_factory=default_shuffle_partitions, ge=1, description="of a new checkpoint: half of the cores"
    )
    master: str | None = Field(default=None, description="local[2] and the like; spark-submit sets it otherwise")
    connector_jars: Path | None = Field(
        default=None, description="the Kafka connector's folder, with --master (else $HASHTIDE_PARTS)"
    )
    until_caught_up: bool = Field(default=False, description="count what is there now, then end")

    @property
    def rules(self) -> CountingRules:
        """What is counted of a post."""
        return CountingRules(retweets=self.retweets, words=self.words, dedup_window_min=self.dedup_window_min)

    @property
    def local_jars(self) -> Path | None:
        """Where a local run finds the Kafka connector; on YARN spark.yarn.jars has it."""
        if self.master is None or self.connector_jars is not None:
            return self.connector_jars
        parts = os.environ.get(names.TOOLCHAIN)
        return Path(parts) / "jars" / "connector" if parts else None


class CountSettings(SparkOptions):
    """What one run of the streaming job counts, and where it writes. `count.py --help` lists the options."""

    root: str = Field(
        pattern=r"^[a-z][a-z0-9+.-]*://", description="hdfs://host:port/folder or file:///folder of the count log"
    )
    generation: int = Field(default=names.FIRST_GENERATION, ge=1, description="one checkpoint's life")
    bootstrap_servers: str = Field(min_length=1, description="Kafka's host:port[,host:port]")
    trigger_interval_s: float = Field(default=names.TRIGGER_INTERVAL_S, ge=0, description="seconds from batch to batch")
    starting_offsets: Annotated[str, AfterValidator(_starting_offsets)] = Field(
        default=EARLIEST, description="of a new checkpoint: earliest, or JSON of each partition's first offset"
    )

    @property
    def name(self) -> str:
        """The application's name in YARN."""
        return names.application_name(self.generation)

    @property
    def rules_file(self) -> str:
        """The file below root that holds the generation's counting rules."""
        return names.rules_path(self.generation)

    @property
    def checkpoint(self) -> str:
        """The checkpoint's folder below root."""
        return names.checkpoint_path(self.generation)

    @property
    def dropped_marker(self) -> str:
        """The file below root that marks the generation's counts as no longer whole."""
        return names.dropped_marker(self.generation)

    @property
    def stop_marker(self) -> str:
        """The file below root that ends the job."""
        return names.stop_marker(self.generation)


def parse_arguments(argv: Sequence[str] | None = None) -> CountSettings:
    """The settings of a command line; a wrong one ends the process with status 2 and one clear line."""
    parser = JobParser("count.py", "Counts hashtags and words of a Kafka topic into the count log.")
    parser.add_argument("--mode", action=_Moved, help=argparse.SUPPRESS)
    CountSettings.add_to(parser)
    return CountSettings.given(parser, parser.parse_args(argv))
