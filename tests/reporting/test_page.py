"""The page: whole, safe, legible by machines and people.

`PYTHONPATH=.:jobs python -m tests.reporting.test_page` writes the golden file anew; look at the page before you
commit it.
"""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from contract.job_requests import ReportRequest
from reporting.day_rows import Arrivals, ControlCount, DayBooks, Gap, LedgerPosition
from reporting.page import as_html
from reporting.ranking import TermCount
from reporting.summarise import summarise
from tests.reporting.html_reading import elements_of, texts_of
from tests.reporting.samples import REQUEST, at, day_books, gap, hours

GOLDEN = Path(__file__).parent / "golden" / "hashtags.html"
NASTY = '<script>alert("x")</script>&\'<img src=x onerror=alert(1)>'


def page(books: DayBooks | None = None, request: ReportRequest = REQUEST) -> bytes:
    return as_html(summarise(books or day_books(), request))


def eventful() -> DayBooks:
    return day_books(
        gaps=(
            gap("09:00", "09:42"),
            Gap("x", at("10:00"), at("10:03"), at("10:02"), "limit: track=1234", "limit", 7),
            Gap("", None, None, at("11:00"), "?"),
        ),
        dead=(("truncated or invalid JSON", 20), ("missing id", 1)),
        arrivals=Arrivals(48, 5, 1),
    )


def empty() -> DayBooks:
    return day_books(
        posts=(), hashtags=(), words=(), previous=None, distinct_hashtags=0, control=(), arrivals=Arrivals(),
        all_hours=(0,) * 24, post_hours=(0,) * 24,
    )  # fmt: skip


def before_the_first_batch() -> DayBooks:
    return replace(empty(), position=LedgerPosition(1, None, None, None, None), read=None)


def golden_form(content: bytes) -> str:
    """Without the style sheet: a colour may change without anyone reading a page of numbers again."""
    return re.sub(r"<style>.*?</style>", "<style></style>", content.decode(), flags=re.DOTALL)


PAGES = [
    pytest.param(page(eventful()), id="eventful"),
    pytest.param(page(empty()), id="empty"),
    pytest.param(page(before_the_first_batch()), id="before the first batch"),
    pytest.param(page(request=REQUEST.model_copy(update={"source": "x", "lang": "ja"})), id="selection"),
    pytest.param(page(day_books(all_hours=(0,) * 24, post_hours=(0,) * 24, hashtag_hours={})), id="hours not kept"),
    pytest.param(page(day_books(hashtags=(TermCount(NASTY, 1, 0),), words=(TermCount(NASTY, 1, 0),))), id="nasty"),
]


def test_it_is_the_page_that_was_looked_at() -> None:
    assert golden_form(page(eventful())) == GOLDEN.read_text("utf-8")


@pytest.mark.parametrize("content", PAGES)
def test_every_page_is_whole(content: bytes) -> None:
    headings = [element.text for element in elements_of(content) if element.tag in ("h1", "h2")]
    wanted = ["How complete is this day?", "The books", "Top hashtags", "Posts by hour", "How to read this"]
    assert headings[0] == "Hashtags of Saturday, 31 January 2026"
    assert [heading for heading in headings if heading in wanted] == wanted
    assert texts_of(content, "footer")[0].startswith("Made from generation 1")


@pytest.mark.parametrize("content", PAGES)
def test_completeness_comes_before_every_hashtag(content: bytes) -> None:
    text = texts_of(content, "main")[0]
    assert text.startswith("How complete is this day?")


@pytest.mark.parametrize("content", PAGES)
def test_nothing_is_fetched_and_nothing_runs(content: bytes) -> None:
    elements = elements_of(content)
    links = [element.attributes[name] for element in elements for name in ("src", "href") if name in element.attributes]
    assert [link for link in links if not link.startswith(("data:", "#"))] == []
    assert not {"script", "img", "iframe", "object", "embed", "base", "form"} & {element.tag for element in elements}
    assert not [name for element in elements for name in element.attributes if name.startswith("on")]
    assert not re.search(rb"@import|url\((?!#)", content)
    assert b"default-src 'none'" in content


@pytest.mark.parametrize("content", PAGES)
def test_tables_have_captions_and_pictures_have_titles(content: bytes) -> None:
    elements = elements_of(content)
    inside = {name: {id(parent) for element in elements if element.tag == name for parent in element.ancestors}
              for name in ("caption", "title")}  # fmt: skip
    tables = [element for element in elements if element.tag == "table"]
    pictures = [element for element in elements if element.tag == "svg" and element.attributes.get("role") == "img"]
    assert tables
    assert all(id(table) in inside["caption"] for table in tables)
    assert all(id(picture) in inside["title"] for picture in pictures)
    named = {element.attributes["id"] for element in elements if "id" in element.attributes}
    asked = " ".join(element.attributes.get("aria-labelledby", "") for element in elements).split()
    assert set(asked) <= named
    assert len(named) == sum("id" in element.attributes for element in elements)


def test_what_strangers_wrote_is_text() -> None:
    books = day_books(
        hashtags=(TermCount(NASTY, 1, 0),),
        words=(TermCount(NASTY, 1, 0),),
        control=(ControlCount(NASTY, NASTY, 1),),
        dead=((NASTY, 1),),
        gaps=(Gap(NASTY, at("01:00"), at("02:00"), at("02:00"), NASTY),),
        position=LedgerPosition(1, 7, at("23:59"), None, NASTY),
    )
    content = page(books)
    assert "script" not in {element.tag for element in elements_of(content)}
    assert texts_of(content, "bdi").count(NASTY) == 6  # word, control and its source, dead, gap's source and why
    assert texts_of(content, "bdi").count("#" + NASTY) == 2  # the leading sentence and the table
    assert NASTY in texts_of(content, "footer")[0]


def test_the_direction_of_a_tag_stays_its_own() -> None:
    content = page(day_books(hashtags=(TermCount("مد\u202ecba", 9, 1),)))
    assert "#مدcba" in texts_of(content, "bdi")
    assert "\u202e" not in content.decode()
    assert "\u2068#مدcba\u2069" in [element.text for element in elements_of(content) if element.tag == "text"]


def test_the_ranking_says_rank_change_posts_share_and_reposts() -> None:
    rows = [
        " ".join(e.text.split())
        for e in elements_of(page())
        if e.tag == "tr" and any(parent.attributes.get("class") == "ranking" for parent in e.ancestors)
    ]
    hour = "UTC: {} posts".format
    assert rows[1:] == [
        f"1▲ 2up 2#Tide1225.00%3Most from 09:00 to 10:00 {hour(8)}",
        f"2new#مد918.75%1Most from 23:00 to 24:00 {hour(9)}",
        f"2▼ 1down 1#津波918.75%0Most from 00:00 to 01:00 {hour(9)}",
    ]


def test_without_counts_of_the_day_before_nothing_is_called_new() -> None:
    content = page(day_books(previous=None))
    assert "There are no counts of 30 Jan 2026 to compare ranks with." in texts_of(content, "main")[0]
    assert "new" not in texts_of(content, "span")


def test_a_selection_has_its_own_denominator_and_says_what_completeness_is_of() -> None:
    text = texts_of(page(request=REQUEST.model_copy(update={"source": "x", "lang": "en"})), "main")[0]
    assert "it is in 12 of 30 posts from X in English (en) (40.00%)" in text
    assert "This section describes the whole stream, not only the selection." in text
    assert "48 posts written on this day have been counted" in text


def test_the_hours_that_are_not_in_the_books_yet_are_hatched() -> None:
    books = day_books(
        position=LedgerPosition(1, 3, at("18:00"), None, "0"), all_hours=hours(h3=48), post_hours=hours(h3=48)
    )
    hatched = [e.attributes for e in elements_of(page(books)) if e.attributes.get("fill") == "url(#hatch)"]
    assert [(rect["x"], rect["width"]) for rect in hatched] == [("75.0%", "25.0%")]


def test_rows_in_another_order_give_the_same_bytes() -> None:
    books = day_books()
    turned = replace(
        books,
        posts=books.posts[::-1],
        hashtags=books.hashtags[::-1],
        words=books.words[::-1],
        hashtag_hours=dict(sorted(books.hashtag_hours.items(), reverse=True)),
    )
    assert page(turned) == page(books)


if __name__ == "__main__":
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(golden_form(page(eventful())), "utf-8")
