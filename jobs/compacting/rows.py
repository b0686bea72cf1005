"""Parquet files of a chunk of batches → rows ready for COPY: the latest absolute count of each key. Pure."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from compacting.errors import MalformedBatchError
from contract.manifest import Manifest

MAX_KEY_BYTES = 2000  # an index row of Postgres has at most 2,704 bytes, including the key's times and numbers

_INSTANT = pa.timestamp("us", tz="UTC")
READ = "read"
"""The metric of rows that say how many records a task has read: for the job that wrote them, not for the counts."""
SCHEMA = pa.schema(
    [
        ("arrival", _INSTANT),
        ("bucket", _INSTANT),
        ("metric", pa.string()),
        ("source", pa.string()),
        ("lang", pa.string()),
        ("term", pa.string()),
        ("posts", pa.int64()),
        ("reposts", pa.int64()),
    ]
)
KEY = ["metric", "bucket", "source", "lang", "term", "arrival"]
COLUMNS = ["batch_id", *SCHEMA.names]


@dataclass(frozen=True)
class GapRow:
    """One gap event of a chunk.

    Attributes:
        batch_id: the batch that brought it.
        arrival: ten minutes of processing time.
        noted_at: the minute of processing time.
        note: the collector's whole JSON.
        notes: how often the same event was counted.
    """

    batch_id: int
    arrival: datetime
    noted_at: datetime
    note: str
    notes: int


@dataclass(frozen=True)
class CopyRows:
    """The rows that one chunk writes to the counts.

    Attributes:
        csv: one row for each changed key, columns as in COLUMNS, as COPY reads it: without a header, every text
            quoted, so that an empty text is not null.
        days: UTC days of the rows' arrivals, each once, ascending; empty if no key changed.
        first_arrival, last_arrival: the bounds of the rows' arrivals; None if no key changed.
        gaps: the chunk's gap events.
    """

    csv: io.BytesIO
    days: list[date]
    first_arrival: datetime | None
    last_arrival: datetime | None
    gaps: list[GapRow]


def read_batch(manifest: Manifest, files: Iterable[tuple[str, bytes]]) -> pa.Table:
    """The rows of one batch, one for each changed key of the counts, with its `batch_id`.

    Raises:
        MalformedBatchError: a file has another Parquet schema, a different number of rows than the manifest says, or
            a value that Postgres cannot hold (null, invalid UTF-8, NUL, a key too long for an index).
    """
    rows = {file.name: file.rows for file in manifest.files}
    tables = [SCHEMA.empty_table()]
    for name, raw in files:
        where = f"generation {manifest.generation} batch {manifest.batch_id}: {name}"
        table = _read_file(where, raw)
        if table.num_rows != rows[name]:
            raise MalformedBatchError(f"{where} has {table.num_rows} rows, the manifest says {rows[name]}")
        _check(where, table)
        tables.append(table.filter(pc.not_equal(table["metric"], READ)))
    whole = pa.concat_tables(tables)
    return whole.add_column(0, "batch_id", pa.repeat(pa.scalar(manifest.batch_id, pa.int64()), whole.num_rows))


def latest(batches: list[pa.Table]) -> pa.Table:
    """One row for each key: its count in the newest batch that changed it.

    Args:
        batches: tables from `read_batch`, oldest first.

    Raises:
        MalformedBatchError: a count shrinks from one batch to a later one.
    """
    # One thread, because `last` depends on the order of the rows.
    values = [(name, "last") for name in ("batch_id", "posts", "reposts")] + [("posts", "max"), ("reposts", "max")]
    grouped = pa.concat_tables(batches).group_by(KEY, use_threads=False).aggregate(values)
    for name in ("posts", "reposts"):
        shrunk = grouped.filter(pc.greater(grouped[f"{name}_max"], grouped[f"{name}_last"]))
        for row in shrunk.slice(0, 1).to_pylist():
            raise MalformedBatchError(f"batch {row['batch_id_last']}: {name} of {row} shrinks: a count only grows")
    return grouped.rename_columns([name.removesuffix("_last") for name in grouped.column_names]).select(COLUMNS)


def copy_rows(table: pa.Table) -> CopyRows:
    """A table of `latest` in the database's columns."""
    bounds = pc.min_max(table["arrival"]).as_py()
    out = io.BytesIO()
    pyarrow.csv.write_csv(table, out, pyarrow.csv.WriteOptions(include_header=False))
    out.seek(0)
    return CopyRows(out, _days(table), bounds["min"], bounds["max"], _gaps(table))


def _days(table: pa.Table) -> list[date]:
    days: list[date] = pc.unique(pc.cast(pc.floor_temporal(table["arrival"], unit="day"), pa.date32())).to_pylist()
    return sorted(days)


def _gaps(table: pa.Table) -> list[GapRow]:
    rows = table.filter(pc.equal(table["metric"], "gap")).to_pylist()
    return [GapRow(row["batch_id"], row["arrival"], row["bucket"], row["term"], row["posts"]) for row in rows]


def _read_file(where: str, raw: bytes) -> pa.Table:
    try:
        table = pq.read_table(io.BytesIO(raw), coerce_int96_timestamp_unit="us")
        if table.schema.names != SCHEMA.names:
            raise MalformedBatchError(f"{where} has the columns {table.schema.names}, not {SCHEMA.names}")
        table = table.cast(SCHEMA)
        table.validate(full=True)  # reading does not check UTF-8
    except pa.ArrowException as error:
        raise MalformedBatchError(f"{where}: {error}") from error
    return table


def _check(where: str, table: pa.Table) -> None:
    if any(column.null_count for column in table.columns):
        raise MalformedBatchError(f"{where} has a null")
    texts = [table[name] for name in ("metric", "source", "lang", "term")]
    # Only for text that is COPYed: a gap event has no maximum length and is in no index.
    bytes_of_key = pc.add(pc.add(pc.binary_length(texts[0]), pc.binary_length(texts[1])), pc.binary_length(texts[2]))
    counted = pc.if_else(pc.equal(texts[0], "gap"), 0, pc.binary_length(texts[3]))
    if table.num_rows and pc.max(pc.add(bytes_of_key, counted)).as_py() > MAX_KEY_BYTES:
        raise MalformedBatchError(f"{where} has a key of more than {MAX_KEY_BYTES} bytes")
    if any(pc.any(pc.match_substring(text, "\0")).as_py() for text in texts):
        raise MalformedBatchError(f"{where} has a NUL in a text, which Postgres can't hold")
