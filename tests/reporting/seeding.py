"""Known rows in a real database: buckets are given, hours and days are summed from them as the compactor keeps them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import psycopg2
from psycopg2.extras import execute_values

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Books:
    """What to put into the books of generation 1; each list is in the order of the table's columns."""

    batches: list[tuple[int, datetime, int]] = field(default_factory=list)  # batch_id, processed_at, records
    buckets: list[tuple[object, ...]] = field(default_factory=list)
    dead: list[tuple[datetime, str]] = field(default_factory=list)  # arrival, reason
    gaps: list[tuple[datetime, str, datetime | None, datetime | None, str]] = field(default_factory=list)

    control: list[tuple[datetime, datetime, str, str, str, int]] = field(default_factory=list)  # from arrival on

    def say(self, bucket: datetime, kind: str, about: str = "", messages: int = 1, *, source: str = "x") -> None:
        """Add control messages that were read in the ten minutes in which they came."""
        arrival = bucket.replace(minute=bucket.minute // 10 * 10, second=0, microsecond=0)
        self.control.append((arrival, bucket, source, kind, about, messages))

    def count(
        self,
        metric: str,
        bucket: datetime,
        term: str = "",
        *,
        posts: int = 1,
        reposts: int = 0,
        source: str = "x",
        lang: str = "en",
        delay: timedelta = timedelta(minutes=1),
        arrival: datetime | None = None,
    ) -> None:
        """Add posts of one bucket that arrived `delay` after it."""
        seen = arrival or bucket + delay
        seen = seen.replace(minute=seen.minute // 10 * 10, second=0, microsecond=0)
        self.buckets.append((1, seen, bucket, metric, source, lang, term, posts, reposts))


def seed(dsn: str, books: Books, *, code_version: str = "0.1.0") -> None:
    """Write it all in one transaction, as the owner of the tables."""
    connection = psycopg2.connect(dsn)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("set timezone = 'UTC'")
            _ledger(cursor, books, code_version)
            for day in sorted({row[1].date() for row in books.buckets if isinstance(row[1], datetime)}):
                cursor.execute("select make_bucket_partition(%s)", (day,))
            _many(cursor, "count_bucket", books.buckets)
            cursor.execute("truncate count_hour, count_day")
            for table, unit, cast in (("count_hour", "hour", "timestamptz"), ("count_day", "day", "date")):
                cursor.execute(
                    f"insert into {table} select generation, date_trunc('{unit}', bucket)::{cast},"  # noqa: S608
                    " metric, source, lang, term, sum(posts), sum(reposts) from count_bucket group by 1, 2, 3, 4, 5, 6"
                )
            last = max((batch[0] for batch in books.batches), default=0)
            _many(
                cursor,
                "dead_letter",
                [(1, last, "posts", 0, offset, reason, arrival) for offset, (arrival, reason) in enumerate(books.dead)],
            )
            _many(cursor, "control_message", [(1, last, *message) for message in books.control])
            _many(
                cursor,
                "collection_gap (generation, batch_id, arrival, noted_at, source, gap_from, gap_to, why, notes, note)",
                [(1, last, noted, noted, *gap, 1, json.dumps([*map(str, gap)])) for noted, *gap in books.gaps],
            )
    finally:
        connection.close()


def _ledger(cursor: "psycopg2.extensions.cursor", books: Books, code_version: str) -> None:
    manifest = json.dumps({"code_version": code_version})
    for batch_id, processed_at, records in books.batches:
        cursor.execute(
            "insert into batch_ledger (generation, batch_id, processed_at, records, rows, manifest)"
            " values (1, %s, %s, %s, 0, %s)",
            (batch_id, processed_at, records, manifest),
        )
        cursor.execute("update generation set last_batch_id = %s where generation = 1", (batch_id,))


def _many(cursor: "psycopg2.extensions.cursor", table: str, rows: Iterable[Sequence[object]]) -> None:
    rows = list(rows)
    if rows:
        execute_values(cursor, f"insert into {table} values %s", rows)  # noqa: S608  a table's name, ours
