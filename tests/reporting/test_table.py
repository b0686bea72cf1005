"""The CSV."""

import csv
import io

import pytest

from reporting.day_rows import LedgerPosition
from reporting.ranking import TermCount
from reporting.summarise import summarise
from reporting.table import COLUMNS, as_csv
from tests.reporting.samples import REQUEST, day_books


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_it_says_per_hashtag_what_the_page_says() -> None:
    first = rows_of(as_csv(summarise(day_books(), REQUEST)))[0]
    named = {name: value for name, value in first.items() if not name.startswith("posts_")}
    assert named == {
        "day": "2026-01-31", "source": "", "lang": "", "rank": "1", "hashtag": "#tide", "spelling": "#Tide",
        "posts": "12", "share": "0.25000000", "reposts": "3", "change": "up", "previous_rank": "3",
        "previous_posts": "5",
        "generation": "1", "batch_id": "7", "simulated": "no",
    }  # fmt: skip
    assert (first["posts_09h"], first["posts_10h"], first["posts_11h"]) == ("8", "4", "0")


def test_spreadsheets_know_it_as_utf_8() -> None:
    assert as_csv(summarise(day_books(), REQUEST)).startswith("\ufeffday,".encode())


@pytest.mark.parametrize("term", ["=1+1", "+1", "-1", "@sum(a1)", "\t=1", "a,b", 'quo"te', "=cmd|'/c calc'!a0", "'x"])
def test_no_cell_can_start_a_formula_and_the_term_comes_back_exactly(term: str) -> None:
    books = day_books(hashtags=(TermCount(term, 3, 0),), previous=None, spellings={term: term.upper()})
    content = as_csv(summarise(books, REQUEST))
    (row,) = rows_of(content)
    assert (row["hashtag"], row["spelling"]) == ("#" + term, "#" + term.upper())
    assert not [cell for cell in row.values() if cell[:1] in tuple("=+-@\t\r")]


def test_a_day_without_hashtags_is_a_header_alone() -> None:
    content = as_csv(summarise(day_books(hashtags=(), position=LedgerPosition(1, None, None, None, None)), REQUEST))
    assert content.decode("utf-8-sig") == ",".join(COLUMNS) + "\r\n"


def test_a_selection_stands_in_every_line() -> None:
    rows = rows_of(as_csv(summarise(day_books(), REQUEST.model_copy(update={"source": "x", "lang": "en"}))))
    assert {(row["source"], row["lang"]) for row in rows} == {("x", "en")}
    assert rows[0]["share"] == "0.40000000"  # 12 of the 30 posts from X in English
