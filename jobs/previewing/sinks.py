"""Where a preview shows its tables: on the console, or saved, one for each batch."""

import sys
from datetime import UTC, datetime
from typing import NamedTuple, Protocol, TextIO

from pyspark.sql import DataFrame, Row, SparkSession

from counting.files import Files
from previewing.settings import Endpoint

_LONGEST = 60
_ASIDE = "_aside"


class Shown(NamedTuple):
    """One table of a preview.

    Attributes:
        title: what is counted, over what.
        batch_id: of the query.
        at_ms: the time it is for, epoch milliseconds.
        books: records of each kind, see `tallies.books`.
        ranked: the rows, see `tallies.ranked`.
    """

    title: str
    batch_id: int
    at_ms: int
    books: dict[str, int]
    ranked: DataFrame


class Sink(Protocol):
    """What takes the tables."""

    def write(self, shown: Shown) -> None:
        """Takes one; of a batch that runs again the last one stands."""


def open_sink(spark: SparkSession, writes: Endpoint, top: int, *, is_new: bool) -> Sink:
    """The sink that was asked for.

    Args:
        spark: the session.
        writes: console, text or parquet, and where.
        top: rows of a table on the console; all are saved.
        is_new: whether the preview begins: then the folder has to be empty.

    Raises:
        ValueError: the folder holds something.
    """
    if writes.kind == "console":
        return _Console(top, sys.stdout)
    files = Files(spark, writes.where)
    if is_new and files.names(""):
        raise ValueError(f"--sink: {writes.where} is not empty; a preview begins in an empty folder")
    return _Text(files) if writes.kind == "text" else _Parquet(files)


class _Parquet:
    """batch=N/, Parquet of all rows in their order."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def write(self, shown: Shown) -> None:
        folder = self._files.url(f"batch={shown.batch_id}")
        shown.ranked.coalesce(1).write.mode("overwrite").parquet(folder)


class _Text:
    """batch=N.txt: the rows in their order, columns with tabs between; there or not, never half."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def write(self, shown: Shown) -> None:
        name = f"batch={shown.batch_id}.txt"
        self._files.delete(f"{_ASIDE}/{name}")
        lines = ("\t".join(_field(value) for value in row) + "\n" for row in shown.ranked.toLocalIterator())
        self._files.make_folder(_ASIDE)
        self._files.write_parts(f"{_ASIDE}/{name}", (line.encode() for line in lines))
        self._files.replace(f"{_ASIDE}/{name}", name)
        self._files.delete(_ASIDE)


class _Console:
    """A table for each batch, for a person or a log."""

    def __init__(self, top: int, out: TextIO) -> None:
        self._top = top
        self._out = out

    def write(self, shown: Shown) -> None:
        at = datetime.fromtimestamp(shown.at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
        self._out.write(f"\n{at} UTC · batch {shown.batch_id} · {shown.title} · {summary_line(shown.books)}\n")
        rows = shown.ranked.limit(self._top).collect()
        self._out.writelines(f"{line}\n" for line in table(rows))
        self._out.flush()


def summary_line(books: dict[str, int]) -> str:
    """The records in a line: posts, and what else there was."""
    late = f" ({books['late']:,} late)" if books["late"] else ""
    others = [f"{number:,} {kind}" for kind, number in books.items() if number and kind not in ("post", "late")]
    return ", ".join([f"{books['post']:,} posts{late}", *others])


def table(rows: list[Row]) -> list[str]:
    """The rows as aligned lines, numbers to the right, the names last."""
    if not rows:
        return ["  nothing"]
    if "friends" not in rows[0]:
        return [f"{row.posts:>10,}  {_plain(row.term)}" for row in rows]
    head = f"{'friends':>12}{'followers':>12}{'posts':>10}  author"
    return [
        head,
        *(
            f"{_number(row.friends):>12}{_number(row.followers):>12}{row.posts:>10,}  {_plain(row.name)}"
            for row in rows
        ),
    ]


def _number(number: int | None) -> str:
    return "?" if number is None else f"{number:,}"


def _field(value: object) -> str:
    return "" if value is None else str(value).replace("\t", " ").replace("\n", " ")


def _plain(text: str) -> str:
    """One line of printable characters: what people write must not command a terminal."""
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"
