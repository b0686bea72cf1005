"""The counts in Postgres, read with the read-only role."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extensions import cursor as Cursor  # noqa: N812

SQL = Path(__file__).resolve().parents[2] / "sql" / "stack"
CONNECT_TIMEOUT_S = 5
STATEMENT_TIMEOUT_MS = 60_000


@contextmanager
def read_only(dsn_file: Path) -> Iterator[Cursor]:
    """A read-only transaction that sees one state of the database. Raises psycopg2.Error."""
    connection = psycopg2.connect(
        dsn_file.read_text(encoding="utf-8").strip(),
        connect_timeout=CONNECT_TIMEOUT_S,
        options=f"-c statement_timeout={STATEMENT_TIMEOUT_MS}",
    )
    try:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def rows(cursor: Cursor, name: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """The rows of the statement in `sql/stack/NAME.sql`."""
    cursor.execute((SQL / f"{name}.sql").read_text(encoding="utf-8"), parameters)
    return cursor.fetchall()


def busiest_day(dsn_file: Path, generation: int) -> date | None:
    """The UTC day with the most posts; None where nothing is counted."""
    with read_only(dsn_file) as cursor:
        found = rows(cursor, "busiest_day", generation=generation)
    return found[0][0] if found else None


def top_hashtags(dsn_file: Path, generation: int, day: date, top: int) -> Sequence[tuple[str, int, float]]:
    """The day's most used hashtags: as most people spell it, posts, share of the day's posts (0 to 1)."""
    with read_only(dsn_file) as cursor:
        found = rows(cursor, "top_hashtags", generation=generation, day=day, top=top)
    return [(str(spelling), int(posts), float(share)) for spelling, posts, share in found]
