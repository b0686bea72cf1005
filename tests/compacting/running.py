"""What the tests of the compaction share: running it, and saying that Postgres is right."""

from datetime import datetime
from typing import Any

from compacting.compaction import CompactSettings, Outcome, compact
from compacting.count_log import CountLogReader
from tests.compacting.stream import START, Stream, control_in_postgres, expected, expected_control, in_postgres
from tests.postgres import SCHEMA, Database, execute

TERMS = [
    "news",
    "katze",
    "قطة",
    "שלום",
    "🐈‍⬛",
    'say "cheese"',
    "it's",
    "a\\b",
    "\\.",
    "\\N",
    "tab here",
    "two\nlines",
    "\r",
    "a,b",
    "",
    " ",
    "x" * 100 + "…",
    "𒐫" * 100 + "…",
    "‮rtl‬",
    "<b>&amp;",
]
CHECKS = sorted((SCHEMA.parent / "compacting" / "checks").glob("*.sql"))


def run(database: Database, stream: Stream, now: datetime = START, **settings: Any) -> Outcome:
    """One run of the compaction as the compactor."""
    chosen = CompactSettings(dsn=database.compactor, generation=stream.generation, **settings)
    return compact(chosen, CountLogReader(stream.url, stream.generation), now)


def assert_books_are_whole(database: Database) -> None:
    """Every check of sql/compacting/checks finds nothing."""
    assert CHECKS
    for check in CHECKS:
        assert execute(database.reader, check.read_text()) == [], check.name


def assert_exact(database: Database, stream: Stream) -> None:
    """Buckets, hours, days and control messages are the plain sums of the events."""
    assert in_postgres(database, stream.generation) == expected(stream.events)
    assert control_in_postgres(database, stream.generation) == expected_control(stream.events)
    # The streams of the tests are older than their database, and have had spellings from their first batch on.
    execute(database.admin, "update schema_migration set applied_at = '2000-01-01Z'")
    assert_books_are_whole(database)
