"""What a reader is told about how complete a day is."""

from dataclasses import replace
from datetime import timedelta

import pytest

from reporting.completeness import Completeness, Verdict, completeness, missed_time, silent_hours
from reporting.day_rows import Arrivals, DayBooks, Gap, LedgerPosition, RecordTally
from tests.reporting.samples import END, START, at, day_books, gap, hours


def judged(books: DayBooks) -> Completeness:
    return completeness(books, start=START, end=END)


def told(books: DayBooks) -> str:
    return " ".join(judged(books).sentences)


def test_a_day_with_nothing_missing_is_complete() -> None:
    assert judged(day_books()).verdict is Verdict.COMPLETE
    assert "48 posts written on this day have been counted, each once." in told(day_books())
    assert "No gap in the collection is recorded." in told(day_books())


def test_a_gap_makes_it_incomplete_and_its_length_is_given_by_source() -> None:
    books = day_books(gaps=(gap("09:00", "09:42"), gap("11:00", "12:00", source="jetstream")))
    assert judged(books).verdict is Verdict.INCOMPLETE
    assert "From X nothing was collected for 42 min of this day (1 gap)" in told(books)
    assert "From Bluesky (Jetstream) nothing was collected for 1 h of this day (1 gap)" in told(books)


def test_what_a_network_held_back_is_kept_apart_from_what_was_not_collected() -> None:
    held_back = replace(gap("10:00", "10:03", why="limit: track=17"), said="limit", notes=3)
    books = day_books(gaps=(gap("09:00", "09:42"), held_back))
    assert judged(books).verdict is Verdict.INCOMPLETE
    assert "From X nothing was collected for 42 min of this day (1 gap)" in told(books)
    assert "X reported that it did not deliver everything for 3 min of this day (1 gap)" in told(books)


def test_a_gap_without_times_is_reported_too() -> None:
    books = day_books(gaps=(Gap("", None, None, at("09:00"), "?"),))
    assert "From an unnamed source nothing was collected for an unknown time" in told(books)


def test_time_missed_twice_counts_once_and_only_within_the_day() -> None:
    before = Gap("x", START - timedelta(hours=1), at("00:30"), at("00:30"), "")
    gaps = [gap("10:00", "11:00"), before, gap("10:30", "11:30"), gap("10:40", "10:50")]
    assert missed_time(gaps, start=START, end=END) == timedelta(hours=2)


def test_a_gap_without_an_end_is_known_to_last_until_it_was_noted() -> None:
    lasting = Gap("x", at("10:00"), None, at("10:20"), "")
    assert missed_time([lasting], start=START, end=END) == timedelta(minutes=20)


def test_a_gap_that_ends_before_it_starts_has_no_length() -> None:
    assert missed_time([gap("10:00", "09:00")], start=START, end=END) == timedelta(0)


def test_the_day_is_over_by_the_last_batch_and_not_by_a_clock() -> None:
    last = LedgerPosition(1, 3, at("14:22"), START - timedelta(days=9), "0.1.0")
    books = day_books(position=last)
    assert judged(books).verdict is Verdict.OPEN
    assert "Counted up to 14:22 UTC; later posts will be in a later revision." in told(books)


def test_a_batch_exactly_at_the_end_closes_the_day() -> None:
    assert judged(day_books(position=LedgerPosition(1, 3, END, START, "0"))).verdict is Verdict.COMPLETE


def test_a_day_that_the_books_have_not_reached_says_so() -> None:
    books = day_books(
        position=LedgerPosition(1, 0, START - timedelta(hours=1), None, "0"), posts=(), all_hours=(0,) * 24
    )
    assert "This day has not been processed yet" in told(books)


def test_before_the_first_batch_nothing_is_claimed() -> None:
    books = day_books(position=LedgerPosition(1, None, None, None, None), posts=(), all_hours=(0,) * 24)
    assert judged(books).verdict is Verdict.EMPTY
    assert judged(books).sentences == ("No batch has been counted yet, so nothing is known about this day.",)


def test_an_empty_day_is_called_empty_and_not_complete() -> None:
    books = day_books(posts=(), all_hours=(0,) * 24, arrivals=Arrivals())
    assert judged(books).verdict is Verdict.EMPTY
    assert "No post written on this day has been counted." in told(books)


def test_counting_that_began_within_the_day_is_reported() -> None:
    books = day_books(position=LedgerPosition(1, 7, END, at("11:02"), "0"))
    assert "Counting began at 11:02 UTC" in told(books)


def test_hours_without_posts_are_reported_if_no_gap_explains_them() -> None:
    silent = day_books(all_hours=(0, 0, 0, *(2,) * 4, 0, *(2,) * 15, 10))
    assert judged(silent).verdict is Verdict.SILENT
    assert "No posts from 00:00 to 03:00 and 07:00 to 08:00 UTC: no gap is recorded" in told(silent)


def test_an_hour_that_the_books_have_not_passed_is_not_silent() -> None:
    books = day_books(all_hours=hours(h0=48), position=LedgerPosition(1, 1, at("02:30"), None, "0"))
    assert silent_hours(books, start=START, end=END) == (1,)


def test_hours_that_are_no_longer_kept_are_not_silent() -> None:
    assert judged(day_books(all_hours=(0,) * 24)).silent_hours == ()


def test_unreadable_records_are_reported_but_are_no_gap() -> None:
    books = day_books(dead=(("missing id", 2), ("invalid UTF-8", 1)))
    assert judged(books).verdict is Verdict.UNREADABLE
    assert judged(books).headline == "No gap is known, but 3 records could not be read"


@pytest.mark.parametrize(
    ("arrivals", "sentence"),
    [
        (Arrivals(48, 1, 0), "1 post (2.08%) arrived late and is counted all the same."),
        (Arrivals(48, 12, 3), "12 posts (25.00%) arrived late and are counted all the same; 3 of them after the day"),
        (Arrivals(48, 48, 48), "All of them arrived after the day had ended, as in a replay"),
        (Arrivals(20, 1, 0), "Arrival times are kept for some days only; here they are known for 20 posts."),
    ],
)
def test_late_posts_are_reported(arrivals: Arrivals, sentence: str) -> None:
    assert sentence in told(day_books(arrivals=arrivals))


@pytest.mark.parametrize("broken", [RecordTally(records=10, posts=11), RecordTally(records=10, posts=5, implausible=6)])
def test_books_that_contradict_themselves_are_never_called_complete(broken: RecordTally) -> None:
    assert judged(day_books(since_start=broken)).verdict is Verdict.BROKEN
    assert judged(day_books(read=broken)).verdict is Verdict.BROKEN


def test_the_bucket_of_implausible_times_is_not_passed_off_as_a_day() -> None:
    epoch = START.replace(year=1970, month=1, day=1)
    told = completeness(day_books(), start=epoch, end=epoch + timedelta(days=1)).sentences
    assert told[0] == "1970-01-01 is not a real day here: it holds all posts with an implausible time."
