"""Whether a day's posts are people's or the simulator's."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from reporting.day_rows import Arrivals, Collected, DayBooks, LedgerPosition
from reporting.page import as_html
from reporting.simulated import Simulated, simulated
from reporting.summarise import summarise
from reporting.table import as_csv
from tests.reporting.html_reading import texts_of
from tests.reporting.samples import END, REQUEST, START, at, day_books

NO, PARTLY, YES = Simulated.NO, Simulated.PARTLY, Simulated.YES
BEFORE, AFTER = START - timedelta(days=3), END + timedelta(days=3)


def books(*collected: tuple[datetime, list[str]], last: datetime | None = None, **changes: Any) -> DayBooks:
    """A day that was collected so; its last post arrived at 23:50, or when it is said."""
    ends = [began_at for began_at, _ in collected[1:]]
    spans = [
        Collected(began_at, ended_at, tuple(kinds))
        for (began_at, kinds), ended_at in zip(collected, [*ends, None], strict=False)
    ]
    return day_books(collected=tuple(spans), **{"arrivals": Arrivals(48, last=last or at("23:50")), **changes})


def judged(found: DayBooks) -> Simulated:
    return simulated(found, start=START, end=END)


@pytest.mark.parametrize(
    ("collected", "verdict"),
    [
        ([], NO),
        ([(BEFORE, ["simulator"])], YES),
        ([(BEFORE, ["x", "mastodon"])], NO),
        ([(BEFORE, ["simulator", "x"])], PARTLY),
        ([(BEFORE, ["simulator"]), (at("12:00"), ["x"])], PARTLY),
        ([(BEFORE, ["x"]), (at("12:00"), ["simulator"])], PARTLY),
        ([(BEFORE, ["simulator"]), (START - timedelta(hours=1), ["x"])], NO),  # it had ended before the day began
        ([(BEFORE, ["simulator"]), (START - timedelta(minutes=9), ["x"])], PARTLY),  # clocks may differ
        ([(BEFORE, ["x"]), (AFTER, ["simulator"])], NO),  # it began when the day's last post was there
        ([(BEFORE, ["simulator"]), (AFTER, ["x"])], YES),
    ],
)
def test_a_source_can_have_brought_a_day_if_it_was_collected_in_time(
    collected: list[tuple[datetime, list[str]]], verdict: Simulated
) -> None:
    assert judged(books(*collected)) is verdict


def test_a_day_that_is_simulated_afterwards_is_simulated() -> None:
    """`simulator:start=…` makes a day of long ago; so does a recording that is played."""
    collected = [(BEFORE, ["x"]), (AFTER, ["simulator"])]
    assert judged(books(*collected, last=AFTER)) is PARTLY
    assert judged(books((AFTER, ["simulator"]), last=AFTER)) is YES


def test_where_arrivals_are_no_longer_known_all_that_is_compacted_may_be_of_the_day() -> None:
    position = LedgerPosition(1, 7, AFTER + timedelta(hours=1), BEFORE, "0.1.0")
    collected = [(BEFORE, ["x"]), (AFTER, ["simulator"])]
    assert judged(books(*collected, position=position)) is NO
    assert judged(books(*collected, position=position, arrivals=Arrivals(47, last=at("23:50")))) is PARTLY
    assert judged(books(*collected, position=position, arrivals=Arrivals())) is PARTLY


def test_a_day_without_posts_belongs_to_no_source() -> None:
    assert judged(books((BEFORE, ["simulator"]), posts=())) is NO
    assert judged(books((BEFORE, ["simulator"]), position=LedgerPosition(1, None, None, None, None))) is NO


@pytest.mark.parametrize(
    ("kinds", "says", "mark"),
    [
        (["simulator"], "Simulated posts: made by Hashtide's simulator, not by people.", "Simulated: Hashtags"),
        (["simulator", "x"], "Partly simulated: some of these posts may be made by", "Partly simulated: Hashtags"),
    ],
)
def test_the_page_says_so_before_any_number_and_in_its_title(kinds: list[str], says: str, mark: str) -> None:
    page = as_html(summarise(books((BEFORE, kinds)), REQUEST))
    text = page.decode().replace("&#39;", "'")
    assert says in text
    assert text.index(says) < text.index("How complete is this day?")
    assert mark in texts_of(page, "title")[0]


def test_what_people_wrote_is_not_called_simulated() -> None:
    page = as_html(summarise(books((BEFORE, ["x"])), REQUEST))
    assert "imulated" not in " ".join(texts_of(page, "title") + texts_of(page, "p"))


@pytest.mark.parametrize(("kinds", "cell"), [(["simulator"], "yes"), (["simulator", "x"], "partly"), (["x"], "no")])
def test_each_line_of_the_table_says_so(kinds: list[str], cell: str) -> None:
    header, *lines = as_csv(summarise(books((BEFORE, kinds)), REQUEST)).decode("utf-8-sig").splitlines()
    place = header.split(",").index("simulated")
    assert [line.split(",")[place] for line in lines] == [cell] * 3
