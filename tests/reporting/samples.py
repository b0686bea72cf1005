"""Books of a small day, for the pure functions."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from contract.job_requests import ReportRequest
from reporting.day_rows import Arrivals, ControlCount, DayBooks, Gap, LedgerPosition, PostCount, RecordTally
from reporting.ranking import Rank, TermCount

DAY = date(2026, 1, 31)
START = datetime(2026, 1, 31, tzinfo=UTC)
END = START + timedelta(days=1)


def at(clock: str) -> datetime:
    """A time of the day: `at("14:05")`."""
    hour, minute = map(int, clock.split(":"))
    return START + timedelta(hours=hour, minutes=minute)


def hours(**posts: int) -> tuple[int, ...]:
    """Posts by hour: `hours(h9=3)`; the other hours have none."""
    return tuple(posts.get(f"h{hour}", 0) for hour in range(24))


def gap(start: str, end: str, *, source: str = "x", why: str = "connection lost") -> Gap:
    """A gap within the day, noted as it ended."""
    return Gap(source, at(start), at(end), at(end), why)


def day_books(**changes: Any) -> DayBooks:
    """A whole day: 48 posts, two an hour, three hashtags, nothing missing; change what the test is about."""
    books = DayBooks(
        position=LedgerPosition(1, 7, END + timedelta(minutes=5), START - timedelta(days=1), "0.1.0"),
        since_start=RecordTally(records=110, posts=100, control=4, dead=1, gaps=0, implausible=2),
        read=RecordTally(records=55, posts=49, control=2, dead=0, gaps=0, implausible=1),
        posts=(PostCount("x", "en", 30, 6), PostCount("x", "ja", 12, 0), PostCount("text", "und", 6, 0)),
        arrivals=Arrivals(known=48, late=0, after_the_day=0),
        control=(ControlCount("x", "delete", 2),),
        dead=(),
        gaps=(),
        all_hours=(2,) * 24,
        post_hours=(2,) * 24,
        hashtags=(TermCount("tide", 12, 3), TermCount("津波", 9, 0), TermCount("مد", 9, 1)),
        hashtag_hours={"tide": hours(h9=8, h10=4), "津波": hours(h0=9), "مد": hours(h23=9)},
        spellings={"tide": "Tide", "津波": "津波", "مد": "مد"},
        distinct_hashtags=3,
        previous={"tide": Rank(3, 5), "津波": Rank(1, 9)},
        words=(TermCount("the", 20, 2), TermCount("潮", 4, 0)),
    )
    return replace(books, **changes)


REQUEST = ReportRequest(day=DAY)
