"""How fast the compaction is against plain COPY of the same rows: `python bench/compact.py [--rows 1000000]`.

A real Postgres in a temporary folder (fsync on), a count log of plain files: first every key is new, then every key
has a higher count, then small batches as the stream makes them. Rows a second hang on the machine: look at the ratio.
"""

# ruff: noqa: E402 - the jobs are no installed package: their folder goes on the path first

import argparse
import io
import json
import logging
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent.parent / "jobs")]

import psycopg2
import pyarrow as pa
import pyarrow.parquet as pq

from compacting.compaction import CompactSettings, compact
from compacting.count_log import CountLogReader
from compacting.migrations import migrate, read_migrations
from compacting.rows import SCHEMA as COLUMNS
from compacting.rows import copy_rows
from tests.postgres import SCHEMA, PostgresServer, execute, start_postgres, stop_postgres

START = datetime(2026, 1, 1, tzinfo=UTC)
log = logging.getLogger("bench")


def key_rows(number: int, offset: int, posts: int) -> pa.Table:
    """`number` keys of the stream's shape in the order of the key, from the `offset`th on, each with `posts`."""
    rng = random.Random(offset)  # noqa: S311
    ids = range(offset, offset + number)
    terms = sorted(f"tag{number % 97}{number:x}" for number in ids)
    minutes = [START + timedelta(minutes=rng.randrange(60)) for _ in ids]
    columns = [
        [START] * number,
        minutes,
        ["hashtag"] * number,
        ["x"] * number,
        rng.choices(["en", "ja", "ar", "und"], k=number),
        terms,
        [posts] * number,
        [posts // 2] * number,
    ]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, COLUMNS, strict=True)]
    return pa.table(arrays, schema=COLUMNS)


def write_batch(root: Path, batch_id: int, table: pa.Table) -> None:
    """Commit a batch of plain files."""
    folder = root / "generation=1" / f"batch={batch_id}"
    folder.mkdir(parents=True)
    pq.write_table(table, folder / "part-0.parquet", compression="zstd")
    rows, ranges = (
        table.num_rows,
        {"topic": "posts", "partition": 0, "from_offset": batch_id, "until_offset": batch_id + 1},
    )
    manifest = {
        "generation": 1,
        "batch_id": batch_id,
        "processed_at": (START + timedelta(seconds=10 * batch_id)).isoformat(),
        "watermark": None,
        "offset_ranges": [ranges],
        "records": 1,
        "rows": rows,
        "files": [{"name": "part-0.parquet", "rows": rows}],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    start = time.monotonic()
    work()
    return time.monotonic() - start


def plain_copy_s(dsn: str, tables: list[pa.Table]) -> float:
    """Seconds for COPY of the same rows into a bare table; making the CSV is not counted."""
    execute(dsn, "create table bare (like count_bucket)")
    texts = [copy_rows(table).csv.getvalue() for table in tables]
    copy = f"copy bare ({', '.join(COLUMNS.names)}) from stdin with (format csv)"
    execute(dsn, "alter table bare alter generation drop not null")
    connection = psycopg2.connect(dsn)
    with connection, connection.cursor() as cursor:
        start = time.monotonic()
        for text in texts:
            cursor.copy_expert(copy, io.BytesIO(text))
        connection.commit()
        seconds = time.monotonic() - start
    connection.close()
    return seconds


def measure(server: PostgresServer, root: Path, rows: int) -> dict[str, float]:
    """Rows a second of each case."""
    dsn = server.dsn("postgres")
    migrate(dsn, read_migrations(SCHEMA))
    settings, batches, small = CompactSettings(dsn=dsn), 10, min(120, rows // 1000)
    each = rows // batches

    def run() -> None:
        compact(settings, CountLogReader(f"file://{root}", 1), START)

    for batch_id in range(batches):
        write_batch(root, batch_id, key_rows(each, batch_id * each, 2))
    speed = {"all keys new": rows / timed(run)}
    for batch_id in range(batches):
        write_batch(root, batches + batch_id, key_rows(each, batch_id * each, 4))
    speed["all keys known"] = rows / timed(run)
    for batch_id in range(small):
        write_batch(root, 2 * batches + batch_id, key_rows(1000, batch_id * 500, 6 + 2 * batch_id))
    speed[f"{small} batches of 1,000, half of each known"] = small * 1000 / timed(run)
    tables = [key_rows(each, batch_id * each, 2) for batch_id in range(batches)]
    speed["plain COPY"] = rows / plain_copy_s(dsn, tables)
    return speed


def main() -> None:
    """Measure and print rows a second and the ratio to plain COPY."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--tiny", action="store_const", dest="rows", const=10_000, help="only show that it runs")
    rows = parser.parse_args().rows
    home, root = Path(tempfile.mkdtemp(prefix="hashtide-pg-")), Path(tempfile.mkdtemp(prefix="hashtide-log-"))
    try:
        server = start_postgres(home, "-c fsync=on")
        try:
            speed = measure(server, root, rows)
        finally:
            stop_postgres(server)
    finally:
        shutil.rmtree(home, ignore_errors=True)
        shutil.rmtree(root, ignore_errors=True)
    for name, rows_per_s in speed.items():
        sys.stdout.write(
            f"{name:<45}{rows_per_s:>10,.0f} rows/s  {rows_per_s / speed['plain COPY']:.2f} of plain COPY\n"
        )


if __name__ == "__main__":
    main()
