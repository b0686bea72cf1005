"""The count job's command line as one frozen, checked object."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from counting.counting_rules import RETWEETS, WORDS, CountingRules, Retweets, Words
from counting.kafka_file import KafkaClientConfig, read_kafka_file
from counting.session import default_shuffle_partitions

EARLIEST = "earliest"
FromFile = Annotated[KafkaClientConfig, BeforeValidator(read_kafka_file)]


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


class Settings(BaseModel):
    """What one run of the job is told. The table of the options is `count.py --help`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: Annotated[str, Field(pattern=r"^[a-z][a-z0-9+.-]*://")]
    generation: Annotated[int, Field(ge=1)]
    bootstrap_servers: Annotated[str, Field(min_length=1)]
    kafka_config: FromFile
    topic: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,249}$")]
    trigger_interval_s: Annotated[float, Field(ge=0)]
    starting_offsets: Annotated[str, AfterValidator(_starting_offsets)]
    retweets: Retweets
    words: Words
    horizon_min: Annotated[int, Field(ge=1)]
    max_records_per_batch: Annotated[int, Field(ge=1)]
    shuffle_partitions: Annotated[int, Field(ge=1)]
    master: str | None
    connector_jars: Path | None
    until_caught_up: bool

    @property
    def name(self) -> str:
        """The application's name in YARN."""
        return f"hashtide count generation={self.generation}"

    @property
    def meaning(self) -> CountingRules:
        """What is counted of a post."""
        return CountingRules(retweets=self.retweets, words=self.words)

    @property
    def meaning_file(self) -> str:
        """The file below root that holds what the generation's counts mean."""
        return f"{self.checkpoint}.settings"

    @property
    def checkpoint(self) -> str:
        """The checkpoint's folder below root."""
        return f"checkpoint/generation={self.generation}"

    @property
    def dropped_marker(self) -> str:
        """The file below root that says that the generation's counts are no longer whole."""
        return f"{self.checkpoint}.dropped"

    @property
    def stop_marker(self) -> str:
        """The file below root that ends the job."""
        return f"stop/generation={self.generation}"


def parse_arguments(argv: Sequence[str] | None = None) -> Settings:
    """The settings of a command line; a wrong one ends the process with status 2 and one clear line."""
    parser = argparse.ArgumentParser(
        prog="count.py", description="Counts hashtags and words of a Kafka topic into the count log."
    )
    parser.add_argument("--root", required=True, help="hdfs://host:port/folder or file:///folder of the count log")
    parser.add_argument("--generation", type=int, default=1, help="one checkpoint's life (default 1)")
    parser.add_argument("--bootstrap-servers", required=True, help="Kafka's host:port[,host:port]")
    parser.add_argument("--kafka-config", type=Path, help="file that says who we are to Kafka (0400 or 0600)")
    parser.add_argument("--topic", default="posts")
    parser.add_argument("--trigger-interval-s", type=float, default=10, help="seconds from batch to batch (default 10)")
    parser.add_argument(
        "--starting-offsets",
        default=EARLIEST,
        help="of a new checkpoint: `earliest`, or JSON of each partition's first offset",
    )
    parser.add_argument(
        "--retweets", choices=RETWEETS, default="full", help="whose text and hashtags a repost counts (default full)"
    )
    parser.add_argument(
        "--words", choices=WORDS, default="plain", help="split on white space, or without URLs, stop words … (plain)"
    )
    parser.add_argument("--horizon-min", type=int, default=120, help="minutes over which repeats are known")
    parser.add_argument("--max-records-per-batch", type=int, default=500_000)
    parser.add_argument(
        "--shuffle-partitions", type=int, default=default_shuffle_partitions(), help="of a new checkpoint (cores / 2)"
    )
    parser.add_argument("--master", help="`local[*]` for development; spark-submit says it otherwise")
    parser.add_argument(
        "--connector-jars", type=Path, help="the Kafka connector's folder, with --master (else $HASHTIDE_PARTS)"
    )
    parser.add_argument("--until-caught-up", action="store_true", help="count what the topic holds now, then end")
    try:
        return Settings.model_validate(vars(parser.parse_args(argv)))
    except ValueError as error:
        parser.error("; ".join(_complaints(error)))


def _complaints(error: ValueError) -> list[str]:
    errors = error.errors() if hasattr(error, "errors") else []
    told = [f"--{str(each['loc'][0]).replace('_', '-')}: {each['msg']}" for each in errors]
    return [each.replace(": Value error, ", ": ", 1) for each in told] or [str(error)]
