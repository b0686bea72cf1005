"""What a person reads at the end."""

import io
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from contract.source_address import read_stored
from contract.spool.state import CollectorState
from stack.config.endpoints import Endpoints
from stack.config.hints import Hints
from stack.observe.audit import Books
from stack.observe.ledger import Ledger
from stack.observe.summary import (
    PARTLY_SIMULATED,
    SIMULATED,
    books_table,
    hashtags_table,
    recount_line,
    report_path,
    simulated_note,
    summary,
)
from stack.observe.topic_recount import PartitionRecount, TopicRecount

DAY = date(2026, 1, 31)
BOOKS = Books(
    lines_read=97,
    topic=TopicRecount({0: PartitionRecount(0, 100, 100)}, distinct=89),
    ledger=Ledger(records=100, posts=80, control=5, dead=4, last_batch=1),
)


def text_of(renderable: RenderableType, width: int = 100) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(renderable)
    return out.getvalue()


def row(text: str, name: str) -> str:
    [found] = [line for line in text.splitlines() if line.strip().startswith(name)]
    return found


def test_the_first_hashtag_has_the_longest_bar_and_none_has_no_bar() -> None:
    text = text_of(hashtags_table(DAY, [("much", 1000, 0.5), ("half", 500, 0.25), ("little", 1, 0.0005)]))
    assert [row(text, f"#{name}").count("█") for name in ("much", "half", "little")] == [30, 15, 1]
    assert "1,000" in row(text, "#much")
    assert "50.0%" in row(text, "#much")


def test_a_term_is_shown_as_it_is_and_cut_where_it_is_too_long() -> None:
    text = text_of(hashtags_table(DAY, [("[red]x[/red]", 2, 0.1), ("w" * 101, 1, 0.1), ("a\u202eb", 1, 0.1)]))
    assert "#[red]x[/red]" in text
    assert "#ab" in text, "nothing turns the line around"
    assert "#" + "w" * 30 + "…" in text


def test_a_day_without_hashtags_says_so() -> None:
    assert text_of(hashtags_table(DAY, [])) == "No post of 2026-01-31 (UTC) has a hashtag.\n"


def test_the_books_read_as_an_equation() -> None:
    text = text_of(books_table(BOOKS))
    figures = {name: row(text, name).split()[1] for name in ("counted", "duplicate", "control", "dead")}
    assert figures == {"counted": "80", "duplicate": "11", "control": "5", "dead": "4"}
    assert "97" in row(text, "read")
    assert "3" in row(text, "+ sent again")
    assert "100" in row(text, "= records")
    assert "gaps" not in text


def test_gaps_are_shown_where_there_are_some() -> None:
    books = replace(BOOKS, lines_read=95, ledger=replace(BOOKS.ledger, gaps=2))
    text = text_of(books_table(books))
    assert "2" in row(text, "+ gap events")
    assert "2" in row(text, "gaps")
    assert "3" in row(text, "+ sent again"), "a note is no line sent again"


def test_books_that_could_not_be_recounted_say_why() -> None:
    topic = replace(BOOKS.topic, distinct=None, why_not="more than 20,000,000 records")
    assert recount_line(replace(BOOKS, topic=topic)) == "Duplicates are not recounted: more than 20,000,000 records."


def test_repeats_beyond_the_dedup_window_are_reported() -> None:
    line = recount_line(replace(BOOKS, topic=replace(BOOKS.topic, repeats_beyond_window=7)))
    assert "7 repeats came later than the dedup window" in line


@pytest.mark.parametrize(
    ("source", "collects", "note"),
    [
        ("simulator:posts=5", "simulator-seed1-0a", SIMULATED),
        ("auto", "simulator-seed1-0a", SIMULATED),
        ("auto:terms=rain", "jetstream-0a", ""),
        ("simulator mastodon:there.example", "several-mastodon-simulator-0a", PARTLY_SIMULATED),
        ("file:/simulator.jsonl", "file-simulator-0a", ""),
    ],
)
def test_what_the_simulator_makes_is_called_simulated(source: str, collects: str, note: str) -> None:
    assert simulated_note(CollectorState(read_stored(source), "running", collects=collects)) == note


def test_the_note_stands_above_the_figures() -> None:
    nowhere = Path("/nowhere")
    endpoints = Endpoints(nowhere, "", nowhere, "", "", "", "", "", nowhere, nowhere, nowhere, nowhere)
    text = text_of(summary(DAY, [("first", 1, 1.0)], Hints(endpoints), 1.0, SIMULATED))
    assert text.startswith(SIMULATED)
    assert simulated_note(None) == ""


def test_the_report_is_where_the_report_job_puts_it() -> None:
    assert report_path(DAY, Path("/reports")) == Path("/reports/2026-01-31/hashtags.html")
