"""The end of `up`: the top hashtags, where everything is, and the audit."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from contract.names import REPORT_STEM
from contract.sources import SIMULATOR
from contract.spool.state import CollectorState
from stack.config.hints import Hints
from stack.observe.audit import Books
from stack.observe.stages import kinds_of

BAR_WIDTH = 30
SIMULATED = "Simulated posts: made by Hashtide's simulator, not by people."
PARTLY_SIMULATED = "Partly simulated: some of these posts are made by Hashtide's simulator, not by people."
# Marks that reverse or hide what follows on a terminal; only the display drops them.
_TURNS_TEXT = dict.fromkeys((0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)))


def summary(
    day: date, hashtags: Sequence[tuple[str, int, float]], hints: Hints, first_counts_s: float, note: str = ""
) -> RenderableType:
    """The day's top hashtags (term, posts, share of all posts) below the note, and where to look next."""
    above = [Text(note, style="bold yellow")] if note else []
    return Group(*above, hashtags_table(day, hashtags), Text(), where_to_go(day, hints), seconds(first_counts_s))


def simulated_note(collector: CollectorState | None) -> str:
    """The note above figures of simulated posts, by the current source; empty for real ones.

    For a day, its report is authoritative: the ledger knows what was collected when.
    """
    if collector is None or SIMULATOR not in kinds_of(collector):
        return ""
    return SIMULATED if kinds_of(collector) == {SIMULATOR} else PARTLY_SIMULATED


def hashtags_table(day: date, hashtags: Sequence[tuple[str, int, float]]) -> RenderableType:
    """One row a hashtag, its bar against the first."""
    if not hashtags:
        return Text(f"No post of {day} (UTC) has a hashtag.")
    table = Table(title=f"Top hashtags of {day} (UTC)", title_justify="left", box=None, pad_edge=False)
    table.add_column("hashtag", no_wrap=True, max_width=32, overflow="ellipsis")
    table.add_column("posts", justify="right")
    table.add_column("share", justify="right")
    table.add_column("")
    most = max((posts for _, posts, _ in hashtags), default=1)
    for term, posts, share in hashtags:
        bar = "█" * max(1, round(BAR_WIDTH * posts / most))
        table.add_row(Text(f"#{term.translate(_TURNS_TEXT)}"), f"{posts:,}", f"{share:.1%}", Text(bar, style="cyan"))
    return table


def report_path(day: date, reports_dir: Path) -> Path:
    """The file of a day's report over all sources and languages (`jobs/report.py`)."""
    return reports_dir / day.isoformat() / f"{REPORT_STEM}.html"


def where_to_go(day: date, hints: Hints) -> Table:
    """Where the report, Airflow and its login are."""
    places = Table(box=None, show_header=False, pad_edge=False)
    places.add_column(style="bold")
    places.add_column(overflow="fold")
    reports_dir = hints.endpoints.reports_dir
    report = report_path(day, reports_dir)
    places.add_row("report", Text(hints.report(report if report.exists() else reports_dir)))
    places.add_row("Airflow", Text(hints.airflow_url))
    places.add_row("login", Text(hints.login))
    return places


def seconds(first_counts_s: float) -> Text:
    """The time until the first counts were in Postgres."""
    return Text(f"First counts were in Postgres after {first_counts_s:.0f} s.", style="dim")


def books_table(books: Books) -> RenderableType:
    """The audit as an equation, read from top to bottom."""
    ledger = books.ledger
    table = Table(title="The books", title_justify="left", box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_column(style="dim")
    table.add_row("read", f"{books.lines_read:,}", "lines that the collector took from its sources")
    if ledger.gaps:
        table.add_row("+ gap events", f"{ledger.gaps:,}", "written by the collector where a source missed posts")
    table.add_row("+ sent again", f"{books.sent_again:,}", "after a crash; recognised below")
    table.add_row("= records", f"{ledger.records:,}", "in the topic, each read by exactly one batch", style="bold")
    table.add_section()
    table.add_row("counted", f"{ledger.posts:,}", "posts, each once")
    hours = ledger.dedup_window.total_seconds() / 3600
    table.add_row("duplicate", f"{books.duplicate:,}", f"seen before, within {hours:g} h of processing")
    table.add_row("control", f"{ledger.control:,}", "the network's own messages")
    table.add_row("dead", f"{ledger.dead:,}", "not understood; listed in dead_letter with place and reason")
    if ledger.gaps:
        table.add_row("gaps", f"{ledger.gaps:,}", "listed in collection_gap")
    if ledger.unread:
        table.add_row("no record", f"{ledger.unread:,}", "markers and aborted records of a producer's transactions")
    return Group(table, Text(recount_line(books), style="dim"))


def recount_line(books: Books) -> str:
    """How the distinct keys were checked, or why they could not be."""
    topic = books.topic
    if topic.distinct is None:
        return f"Duplicates are not recounted: {topic.why_not}."
    line = f"Recounted from the topic: {topic.records:,} records, {topic.distinct:,} identities"
    if topic.repeats_beyond_window:
        line += f"; {topic.repeats_beyond_window:,} repeats came later than the dedup window and may count as new"
    return f"{line}."
