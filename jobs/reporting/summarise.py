"""From a day's books to the contents of its report: the pure core of the stage."""

from dataclasses import dataclass

from contract.job_requests import ReportRequest
from reporting.completeness import Completeness, completeness
from reporting.day_rows import DayBooks
from reporting.ranking import RankedTerm, ranked, shares_by
from reporting.simulated import Simulated, simulated

TOP_LANGUAGES = 10


@dataclass(frozen=True)
class Summary:
    """A day's report before rendering; `posts` and `reposts` are of the selection."""

    request: ReportRequest
    books: DayBooks
    completeness: Completeness
    simulated: Simulated
    posts: int
    reposts: int
    hashtags: list[RankedTerm]
    words: list[RankedTerm]
    languages: list[tuple[str | None, int, float | None]]
    sources: list[tuple[str | None, int, float | None]]


def summarise(books: DayBooks, request: ReportRequest) -> Summary:
    """Computes ranks, changes, shares and completeness from the rows, whatever their order."""
    selected = [row for row in books.posts if request.source in (None, row.source) and request.lang in (None, row.lang)]
    posts = sum(row.posts for row in selected)
    return Summary(
        request=request,
        books=books,
        completeness=completeness(books, start=request.start, end=request.end),
        simulated=simulated(books, start=request.start, end=request.end),
        posts=posts,
        reposts=sum(row.reposts for row in selected),
        hashtags=ranked(
            books.hashtags,
            posts=posts,
            previous=books.previous,
            hours=books.hashtag_hours,
            spellings=books.spellings,
        ),
        words=ranked(books.words, posts=posts),
        languages=shares_by(((row.lang, row.posts) for row in selected), limit=TOP_LANGUAGES),
        sources=shares_by(((row.source, row.posts) for row in selected), limit=TOP_LANGUAGES),
    )
