"""Parquet in, the latest count of each key out."""

import csv
import io
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from compacting.errors import MalformedBatchError
from compacting.rows import MAX_KEY_BYTES, SCHEMA, copy_rows, latest, read_batch
from contract.manifest import File, Manifest
from tests.compacting.running import TERMS
from tests.compacting.stream import START, as_table

LATER = START + timedelta(minutes=10)


def row(
    term: str, posts: int = 1, reposts: int = 0, arrival: datetime = START, metric: str = "hashtag"
) -> tuple[Any, ...]:
    return (arrival, START, metric, "x", "en", term, posts, reposts)


def batch(batch_id: int, table: pa.Table, rows: int | None = None, **options: Any) -> pa.Table:
    raw = io.BytesIO()
    pq.write_table(table, raw, **options)
    files = [File("part-0", table.num_rows if rows is None else rows)]
    manifest = Manifest(1, batch_id, START, None, [], 0, files[0].rows, files)
    return read_batch(manifest, [("part-0", raw.getvalue())])


def test_the_newest_batch_that_changed_a_key_has_its_count() -> None:
    tables = [
        batch(4, as_table([row("a", 1), row("b", 5), row("a", 7, arrival=LATER)])),
        batch(5, as_table([])),
        batch(6, as_table([row("a", 3, 2)])),
    ]
    found = {(r["term"], r["arrival"]): (r["batch_id"], r["posts"], r["reposts"]) for r in latest(tables).to_pylist()}
    assert found == {("a", START): (6, 3, 2), ("b", START): (4, 5, 0), ("a", LATER): (4, 7, 0)}


def test_the_old_timestamps_of_spark_are_read_too() -> None:
    old = batch(0, as_table([row("a")]), use_deprecated_int96_timestamps=True)
    assert old.schema.field("bucket").type == SCHEMA.field("bucket").type
    assert old["bucket"].to_pylist() == [START]


def test_csv_brings_every_text_back() -> None:
    table = latest([batch(0, as_table([row(term) for term in TERMS]))])
    rows = csv.reader(io.StringIO(copy_rows(table).csv.getvalue().decode(), newline=""))
    assert sorted(r[6] for r in rows) == sorted(TERMS)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (as_table([row("a\0b")]), "has a NUL in a text"),
        (as_table([row("x" * (MAX_KEY_BYTES - 9))]), f"a key of more than {MAX_KEY_BYTES} bytes"),
        (as_table([row("a")]).set_column(6, "posts", pa.array([None], pa.int64())), "has a null"),
        (as_table([row("a")]).drop_columns(["reposts"]), "has the columns"),
        (as_table([row("a")]).set_column(6, "posts", pa.array(["many"])), "many"),
    ],
    ids=["nul", "long", "null", "columns", "type"],
)
def test_what_postgres_can_not_hold_is_refused_and_named(table: pa.Table, says: str) -> None:
    with pytest.raises(MalformedBatchError, match=f"generation 1 batch 3: part-0.*{says}"):
        batch(3, table)


@pytest.mark.parametrize("broken", [b"\xff", b"\xed\xa0\x80", b"\xc0\x80"], ids=["byte", "surrogate", "overlong"])
def test_invalid_utf_8_is_refused(broken: bytes) -> None:
    text = pa.StringArray.from_buffers(
        1, pa.py_buffer(b"\0\0\0\0" + len(broken).to_bytes(4, "little")), pa.py_buffer(broken)
    )
    with pytest.raises(MalformedBatchError, match="Invalid UTF8"):
        batch(3, as_table([row("a")]).set_column(5, "term", text))


def test_a_file_with_other_rows_than_the_manifest_says_is_refused() -> None:
    with pytest.raises(MalformedBatchError, match="batch 3: part-0 has 1 rows, the manifest says 2"):
        batch(3, as_table([row("a")]), rows=2)


def test_what_is_no_parquet_is_refused() -> None:
    manifest = Manifest(1, 3, START, None, [], 0, 1, [File("part-0", 1)])
    with pytest.raises(MalformedBatchError, match="batch 3: part-0: "):
        read_batch(manifest, [("part-0", b"PAR1 no")])


def test_a_gap_s_note_may_be_long() -> None:
    assert batch(3, as_table([row("x" * 9000, metric="gap")])).num_rows == 1
