"""The command line of a look, `count.py --mode …`, as one frozen, checked object."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from counting.counting_rules import RETWEETS, WORDS, CountingRules, Retweets, Words
from counting.session import default_shuffle_partitions
from counting.settings import FromFile

Mode = Literal["batch", "totals", "window"]
Metric = Literal["hashtag", "word", "author"]
Offsets = Literal["earliest", "latest"]


class Place(NamedTuple):
    """`kafka`, `tcp` or `file`; `console`, `text` or `parquet`: and where that is."""

    kind: str
    place: str


class PreviewSettings(BaseModel):
    """What one look is told. The table of the options is `count.py --mode batch --help`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Mode
    source: Annotated[str, Field(pattern=r"^(kafka|tcp:[^\s:]+:\d{1,5}|file:\S.*)$")]
    sink: Annotated[str, Field(pattern=r"^(console|(text|parquet):\S.*)$")]
    metric: Metric
    top: Annotated[int, Field(ge=1)]
    window_s: Annotated[int, Field(ge=1)]
    slide_s: Annotated[int, Field(ge=1)]
    duration_s: Annotated[float, Field(gt=0)] | None
    checkpoint: str | None
    bootstrap_servers: str | None
    kafka_config: FromFile
    topic: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,249}$")]
    first_offsets: Offsets
    retweets: Retweets
    words: Words
    horizon_min: Annotated[int, Field(ge=1)]
    max_records_per_batch: Annotated[int, Field(ge=1)]
    max_files_per_batch: Annotated[int, Field(ge=1)]
    shuffle_partitions: Annotated[int, Field(ge=1)]
    master: str | None
    connector_jars: Path | None
    until_caught_up: bool

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.source == "kafka" and not self.bootstrap_servers:
            raise ValueError("--source kafka needs --bootstrap-servers")
        if self.mode == "window" and self.window_s % self.slide_s:
            raise ValueError("--window-s must be a multiple of --slide-s: a window is made of whole slides")
        if self.until_caught_up and self.source.startswith("tcp:"):
            raise ValueError("--until-caught-up: a line server has no end; use --duration-s")
        return self

    @property
    def name(self) -> str:
        """The application's name."""
        return f"hashtide look mode={self.mode}"

    @property
    def meaning(self) -> CountingRules:
        """What is counted of a post."""
        return CountingRules(retweets=self.retweets, words=self.words)

    @property
    def reads(self) -> Place:
        """The source; a file's path as a URL."""
        return self._place(self.source)

    @property
    def writes(self) -> Place:
        """The sink; a folder's path as a URL."""
        return self._place(self.sink)

    @property
    def held(self) -> dict[str, object]:
        """What a checkpoint's counts are of: it goes on only with the same."""
        names = {"mode", "source", "metric", "window_s", "topic", "retweets", "words"}
        if self.mode == "window":
            names.add("slide_s")  # elsewhere it is only how often there is a table
        return self.model_dump(include=names)

    def _place(self, text: str) -> Place:
        kind, _, place = text.partition(":")
        return Place(kind, self._url(place) if kind in ("file", "text", "parquet") else place)

    def _url(self, path: str) -> str:
        # On YARN a path without a scheme is the cluster's; here it is this machine's.
        if "://" in path or not (self.master or "").startswith("local"):
            return path
        return f"file://{Path(path).absolute()}"


def parse_arguments(argv: Sequence[str] | None = None) -> PreviewSettings:
    """The settings of a command line; a wrong one ends the process with status 2 and one clear line."""
    parser = argparse.ArgumentParser(prog="count.py", description="Counts to look at; touches no books.")
    parser.add_argument(
        "--mode", required=True, choices=get_args(Mode), help="each batch by itself, running totals, sliding windows"
    )
    parser.add_argument("--source", default="kafka", help="kafka, tcp:HOST:PORT (a line server), file:PATH (or folder)")
    parser.add_argument("--sink", default="console", help="console, text:PATH, parquet:PATH (one for each batch)")
    parser.add_argument("--metric", choices=get_args(Metric), default="hashtag")
    parser.add_argument("--top", type=int, default=20, help="rows of a table on the console (default 20)")
    parser.add_argument("--window-s", type=int, default=20, help="seconds that a window covers (default 20)")
    parser.add_argument("--slide-s", type=int, default=10, help="seconds from table to table (default 10)")
    parser.add_argument("--duration-s", type=float, help="end after so many seconds; without it, when told to")
    parser.add_argument("--checkpoint", help="a folder's URL: a look started again with it goes on from there")
    parser.add_argument("--bootstrap-servers", help="Kafka's host:port[,host:port], with --source kafka")
    parser.add_argument("--kafka-config", type=Path, help="file that says who we are to Kafka (0400 or 0600)")
    parser.add_argument("--topic", default="posts")
    parser.add_argument(
        "--first-offsets", choices=get_args(Offsets), default="latest", help="where in the topic a new look begins"
    )
    parser.add_argument("--retweets", choices=RETWEETS, default="full", help="whose hashtags a repost counts")
    parser.add_argument("--words", choices=WORDS, default="plain")
    parser.add_argument("--horizon-min", type=int, default=120, help="minutes over which repeats are known")
    parser.add_argument("--max-records-per-batch", type=int, default=500_000)
    parser.add_argument("--max-files-per-batch", type=int, default=100)
    parser.add_argument("--shuffle-partitions", type=int, default=default_shuffle_partitions())
    parser.add_argument("--master", help="`local[2]`; spark-submit says it otherwise")
    parser.add_argument("--connector-jars", type=Path, help="the Kafka connector's folder, with --master")
    parser.add_argument("--until-caught-up", action="store_true", help="count what is there now, then end")
    try:
        return PreviewSettings.model_validate(vars(parser.parse_args(argv)))
    except ValidationError as error:
        first = error.errors()[0]
        option = f"--{str(first['loc'][0]).replace('_', '-')}: " if first["loc"] else ""
        parser.error(option + first["msg"].removeprefix("Value error, "))
