"""Read everything that a report is made of from Postgres, in one snapshot."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_READ_COMMITTED, ISOLATION_LEVEL_REPEATABLE_READ, connection
from psycopg2.extras import RealDictCursor

from contract.job import one_line
from contract.job_requests import ReportRequest
from reporting.completeness import LATE_AFTER
from reporting.day_rows import Arrivals, Collected, ControlCount, DayBooks, Gap, LedgerPosition, PostCount, RecordTally
from reporting.errors import ReportError
from reporting.gaps import join_adjacent
from reporting.ranking import Rank, TermCount, by_hour

SQL_FOLDER = Path(__file__).resolve().parents[2] / "sql" / "reporting"
TOP_WORDS = 20
_CONNECT_TIMEOUT_S = 10
# Every wait has a limit. A report of a large day takes seconds, and another run of the same report may come first.
_SESSION = "-c timezone=UTC -c statement_timeout=300s -c lock_timeout=120s -c idle_in_transaction_session_timeout=300s"

Row = Mapping[str, Any]


def connect(dsn: str) -> connection:
    """Open the reporter's connection.

    Raises:
        ReportError: the DSN cannot be understood or the server cannot be reached; the message never contains the DSN.
    """
    try:
        return psycopg2.connect(
            dsn, connect_timeout=_CONNECT_TIMEOUT_S, options=_SESSION, application_name="hashtide report"
        )
    except psycopg2.ProgrammingError:
        raise ReportError("HASHTIDE_REPORTER_DSN is not a Postgres DSN") from None
    except psycopg2.OperationalError as error:
        raise ReportError(f"Postgres can't be reached: {one_line(error)}") from error


def read(db: connection, statement: str, parameters: Mapping[str, object]) -> list[Row]:
    """Run sql/reporting/STATEMENT.sql with bound parameters and return its rows."""
    with db.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute((SQL_FOLDER / f"{statement}.sql").read_text("utf-8"), parameters)
        return list(cursor.fetchall()) if cursor.description else []


@contextmanager
def snapshot(db: connection) -> Iterator[None]:
    """One reading transaction: a compaction that commits meanwhile is visible completely or not at all."""
    db.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
    try:
        yield
    finally:
        db.rollback()
        db.set_session(isolation_level=ISOLATION_LEVEL_READ_COMMITTED, readonly=False)


def read_day(db: connection, request: ReportRequest) -> DayBooks:
    """Returns the requested day from the current generation's books."""
    with snapshot(db):
        found = read(db, "position", {})
        if not found:
            raise ReportError("no generation is current: has the schema been migrated?")
        asked: dict[str, object] = {
            "generation": found[0]["generation"],
            "day": request.day,
            "start": request.start,
            "end": request.end,
            "source": request.source,
            "lang": request.lang,
        }
        whole, hashtags = _read_whole(db, asked, found[0]), _read_hashtags(db, asked, request)
        return DayBooks(position=_position(found[0]), **whole, **hashtags)


def _read_whole(db: connection, asked: Mapping[str, object], position: Row) -> dict[str, Any]:
    """Reads what describes the whole stream: the completeness."""
    dropped = position["buckets_since"] is not None and asked["day"] < position["buckets_since"]
    hours = read(db, "post_hours", asked)
    return {
        "since_start": RecordTally(**read(db, "tally_since_start", asked)[0]),
        "read": None if dropped else RecordTally(**read(db, "tally_read", asked)[0]),
        "posts": tuple(PostCount(**row) for row in read(db, "posts", asked)),
        "arrivals": Arrivals(**read(db, "arrivals", {**asked, "late_after": LATE_AFTER})[0]),
        "control": tuple(ControlCount(**row) for row in read(db, "control", asked)),
        "dead": tuple((row["reason"], row["records"]) for row in read(db, "dead_letters", asked)),
        "gaps": join_adjacent(_gap(row) for row in read(db, "gaps", asked)),
        "collected": tuple(
            Collected(row["began_at"], row["ended_at"], tuple(row["kinds"])) for row in read(db, "collected", {})
        ),
        "all_hours": by_hour((row["hour"], row["every_post"]) for row in hours),
        "post_hours": by_hour((row["hour"], row["selected"]) for row in hours),
    }


def _read_hashtags(db: connection, asked: Mapping[str, object], request: ReportRequest) -> dict[str, Any]:
    """Reads what describes the selection: hashtags and words."""
    hashtags = _terms(read(db, "top_terms", {**asked, "metric": "hashtag", "top": request.top}))
    words = _terms(read(db, "top_terms", {**asked, "metric": "word", "top": TOP_WORDS}))
    listed = {**asked, "terms": [count.term for count in hashtags]}
    day_before = {**listed, "day": request.day - timedelta(days=1)}
    comparable = read(db, "has_posts", day_before)[0]["has_posts"]
    places = {row["term"]: Rank(row["rank"], row["posts"]) for row in read(db, "places", day_before)}
    hours: dict[str, list[tuple[int, int]]] = {}
    for row in read(db, "hashtag_hours", listed):
        hours.setdefault(row["term"], []).append((row["hour"], row["posts"]))
    return {
        "hashtags": hashtags,
        "hashtag_hours": {term: by_hour(rows) for term, rows in hours.items()},
        "spellings": {row["hashtag"]: row["spelling"] for row in read(db, "spellings", listed)},
        "distinct_hashtags": read(db, "distinct_hashtags", asked)[0]["hashtags"],
        "previous": places if comparable else None,
        "words": words,
    }


def _position(row: Row) -> LedgerPosition:
    return LedgerPosition(
        generation=row["generation"],
        batch_id=row["last_batch_id"],
        processed_at=row["processed_at"],
        began_at=row["began_at"],
        code_version=row["code_version"],
    )


def _gap(row: Row) -> Gap:
    return Gap(row["source"], row["gap_from"], row["gap_to"], row["noted_at"], row["why"], row["said"])


def _terms(rows: list[Row]) -> tuple[TermCount, ...]:
    return tuple(TermCount(**row) for row in rows)
