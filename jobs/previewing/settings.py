"""The command line of a preview as one frozen, checked object."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Self

from pydantic import Field, model_validator

from contract.job import JobParser
from contract.job_requests import PreviewRequest
from counting.settings import SparkOptions

Offsets = Literal["earliest", "latest"]


class Endpoint(NamedTuple):
    """`kafka`, `tcp` or `file`; `console`, `text` or `parquet`: and where that is."""

    kind: str
    where: str


class PreviewSettings(PreviewRequest, SparkOptions):
    """What one preview counts, where it reads and where it shows. `preview.py --help` lists the options."""

    sink: str = Field(
        default="console",
        pattern=r"^(console|(text|parquet):\S.*)$",
        description="console, text:PATH, parquet:PATH (one file or folder for each batch)",
    )
    checkpoint: str | None = Field(
        default=None, description="a folder's URL: a preview started again with it resumes there"
    )
    bootstrap_servers: str | None = Field(
        default=None, description="Kafka's host:port[,host:port], with --source kafka"
    )
    first_offsets: Offsets = Field(default="latest", description="where in the topic a new preview begins")
    max_files_per_batch: int = Field(default=100, ge=1, description="with --source file or tcp")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.source == "kafka" and not self.bootstrap_servers:
            raise ValueError("--source kafka needs --bootstrap-servers")
        if self.until_caught_up and self.source.startswith("tcp:"):
            raise ValueError("--until-caught-up: a line server has no end; use --duration-s")
        return self

    @property
    def name(self) -> str:
        """The application's name."""
        return f"hashtide preview mode={self.mode}"

    @property
    def reads(self) -> Endpoint:
        """The source; a file's path as a URL."""
        return self._endpoint(self.source)

    @property
    def writes(self) -> Endpoint:
        """The sink; a folder's path as a URL."""
        return self._endpoint(self.sink)

    @property
    def pinned(self) -> dict[str, object]:
        """What a checkpoint's counts are of: it resumes only with the same."""
        names = {"mode", "source", "metric", "window_s", "topic", "retweets", "words"}
        if self.mode == "window":
            names.add("slide_s")  # elsewhere it is only how often there is a table
        return self.model_dump(include=names)

    def _endpoint(self, text: str) -> Endpoint:
        kind, _, where = text.partition(":")
        return Endpoint(kind, self._url(where) if kind in ("file", "text", "parquet") else where)

    def _url(self, path: str) -> str:
        # On YARN a path without a scheme is the cluster's; here it is this machine's.
        if "://" in path or not (self.master or "").startswith("local"):
            return path
        return f"file://{Path(path).absolute()}"


def parse_arguments(argv: Sequence[str] | None = None) -> PreviewSettings:
    """The settings of a command line; a wrong one ends the process with status 2 and one clear line."""
    parser = JobParser("preview.py", "Counts like the streaming job and shows the counts; writes to no books.")
    PreviewSettings.add_to(parser)
    return PreviewSettings.given(parser, parser.parse_args(argv))
