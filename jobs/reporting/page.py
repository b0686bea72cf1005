"""The report as one self-contained HTML file; all text from outside is escaped."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from reporting import charts, wording
from reporting.completeness import Verdict, is_over
from reporting.day_rows import Gap
from reporting.ranking import RankedTerm
from reporting.simulated import NOTES, Simulated
from reporting.summarise import Summary

TEMPLATES = Path(__file__).resolve().parent / "templates"
CHARTED = 15
_CHART_LABEL_COLUMNS = 24  # the width that fits beside its number on a telephone

_MARK = {Simulated.NO: [], Simulated.PARTLY: ["Partly simulated:"], Simulated.YES: ["Simulated:"]}

_environment = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=True,  # for every template, whatever its ending: terms come from strangers
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_environment.filters.update(
    number=wording.number,
    percent=wording.percent,
    tag=wording.display_tag,
    term=wording.display_term,
    language=wording.language,
    source=wording.source,
)


def as_html(summary: Summary) -> bytes:
    """The page, UTF-8. Equal summaries give equal bytes."""
    return _environment.get_template("report.html.j2").render(_context(summary)).encode()


def _context(summary: Summary) -> dict[str, Any]:
    request, books = summary.request, summary.books
    reach = books.position.processed_at
    return {
        "summary": summary,
        "books": books,
        "completeness": summary.completeness,
        "day": request.day.isoformat(),
        "long_day": wording.long_day(request.day),
        "short_day": wording.short_day(request.day),
        "day_before": wording.short_day(request.day - timedelta(days=1)),
        "selection": _selection(summary),
        "simulated": NOTES[summary.simulated],
        "title": " ".join(
            [*_MARK[summary.simulated], "Hashtags of", wording.long_day(request.day), *_selection(summary)]
        ),
        "figures": _figures(summary),
        "gaps": [_gap(gap, request.day) for gap in books.gaps],
        "lead": summary.hashtags[0] if summary.hashtags else None,
        "bars": _bars(summary.hashtags[:CHARTED]),
        "rows": [_row(line) for line in summary.hashtags],
        "hours": _hours(summary),
        "reach": wording.day_and_clock(reach) if reach else None,
        "reach_exact": wording.instant(reach) if reach else None,
        "over": is_over(reach, request.end),
        "broken": summary.completeness.verdict is Verdict.BROKEN,
    }


def _selection(summary: Summary) -> list[str]:
    request = summary.request
    chosen = []
    if request.source:
        chosen.append(f"from {wording.source(request.source)}")
    if request.lang:
        chosen.append("with no language stated" if request.lang == "und" else f"in {wording.language(request.lang)}")
    return chosen


def _figures(summary: Summary) -> list[tuple[str, str, str]]:
    """(figure, name, note): the completeness at a glance."""
    books, arrivals = summary.books, summary.books.arrivals
    gaps = len(books.gaps)
    late = "–" if books.every_post and not arrivals.known else wording.number(arrivals.late)
    missed = wording.duration(summary.completeness.missed) if summary.completeness.missed else "–" if gaps else "none"
    return [
        (wording.number(books.every_post), "posts counted", "written on this day"),
        (missed, "missed", f"in {wording.count_of(gaps, 'gap')} of collection" if gaps else "no gap is recorded"),
        (wording.number(sum(count for _, count in books.dead)), "unreadable", "records received on this day"),
        (late, "arrived late", "more than 10 minutes after; counted"),
    ]


def _gap(gap: Gap, day: date) -> dict[str, str]:
    return {
        "source": wording.source(gap.source) if gap.source else "unnamed",
        "start": wording.time_on(gap.start, day) if gap.start else "unknown",
        "end": wording.time_on(gap.end, day) if gap.end else f"unknown; recorded {wording.time_on(gap.noted_at, day)}",
        "length": wording.duration(gap.end - gap.start) if gap.start and gap.end else "–",
        "why": gap.why if gap.notes == 1 else f"{gap.why} (the last of {wording.number(gap.notes)})",
    }


def _bars(lines: list[RankedTerm]) -> list[dict[str, object]]:
    longest = max((line.posts for line in lines), default=0)
    return [
        {
            "label": wording.shortened(wording.display_tag(line.spelling), _CHART_LABEL_COLUMNS),
            "posts": line.posts,
            "width": charts.bar_width(line.posts, longest),
        }
        for line in lines
    ]


def _row(line: RankedTerm) -> dict[str, object]:
    peak = max(range(len(line.hours)), key=lambda hour: (line.hours[hour], -hour))
    return {
        "line": line,
        "spark": charts.sparkline(line.hours) if any(line.hours) else "",
        "peak": f"Most from {peak:02}:00 to {peak + 1:02}:00 UTC: {wording.count_of(line.hours[peak], 'post')}",
    }


def _hours(summary: Summary) -> dict[str, Any]:
    books, request = summary.books, summary.request
    columns, scale = charts.columns(books.post_hours)
    reach = books.position.processed_at
    unknown = charts.band(max(reach, request.start), request.end, start=request.start) if reach else None
    return {
        "columns": columns,
        "ticks": scale,
        "height": charts.PLOT_HEIGHT,
        "gaps": charts.gap_bands(books.gaps, start=request.start),
        "unknown": unknown,
        "description": "; ".join(f"{column.hour:02}:00 {wording.number(column.posts)}" for column in columns),
    }
