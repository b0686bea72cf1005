"""How numbers, times and names read."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from reporting import wording

INDIA = timezone(timedelta(hours=5, minutes=30))


def test_numbers_are_grouped_by_thousands() -> None:
    assert [wording.number(value) for value in (0, 999, 1234567)] == ["0", "999", "1,234,567"]


@pytest.mark.parametrize(
    ("share", "text"), [(None, "–"), (0, "0.00%"), (0.00001, "<0.01%"), (0.02714, "2.71%"), (1, "100.00%")]
)
def test_a_share_that_is_more_than_nothing_never_reads_as_nothing(share: float | None, text: str) -> None:
    assert wording.percent(share) == text


def test_times_are_shown_in_utc_wherever_they_come_from() -> None:
    time = datetime(2026, 2, 1, 4, 0, tzinfo=INDIA)
    assert wording.day_and_clock(time) == "31 Jan 2026, 22:30 UTC"
    assert wording.instant(time) == "2026-01-31T22:30:00Z"
    assert wording.time_on(time, date(2026, 1, 31)) == "22:30"
    assert wording.time_on(time, date(2026, 2, 1)) == "31 Jan 2026, 22:30"


def test_an_instant_keeps_its_microseconds() -> None:
    assert wording.instant(datetime(2026, 1, 1, 0, 0, 10, 5, tzinfo=UTC)) == "2026-01-01T00:00:10.000005Z"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.5, "less than a second"),
        (42, "42 s"),
        (2520, "42 min"),
        (11100, "3 h 5 min"),
        (7200, "2 h"),
        (86400, "1 day"),
        (187200, "2 days 4 h"),
    ],
)
def test_durations_say_what_is_worth_saying(seconds: float, text: str) -> None:
    assert wording.duration(timedelta(seconds=seconds)) == text


def test_adjoining_hours_are_shown_as_one_span() -> None:
    assert wording.hour_ranges([0, 1, 2, 7, 22, 23]) == "00:00 to 03:00, 07:00 to 08:00 and 22:00 to 24:00"


@pytest.mark.parametrize(
    ("code", "name"),
    [("en", "English (en)"), ("pt-br", "Portuguese (pt-br)"), ("und", "Not stated (und)"), ("qme", "qme")],
)
def test_languages_have_their_english_names(code: str, name: str) -> None:
    assert wording.language(code) == name


def test_a_tag_can_not_turn_the_text_around_it() -> None:
    assert wording.display_tag("evil\u202egnp\u2069.exe") == "#evilgnp.exe"


@pytest.mark.parametrize(
    ("text", "columns", "cut"),
    [
        ("#tide", 5, "#tide"),
        ("#tides", 5, "#tid…"),
        ("#日本語のタグ", 8, "#日本語…"),
        ("#👩‍👩‍👧‍👦👩‍👩‍👧‍👦", 5, "#👩‍👩‍👧‍👦👩‍👩‍👧‍👦"),
        ("#👩‍👩‍👧‍👦👩‍👩‍👧‍👦x", 5, "#👩‍👩‍👧‍👦…"),
    ],
)
def test_a_long_tag_is_cut_between_what_a_reader_sees_as_characters(text: str, columns: int, cut: str) -> None:
    assert wording.shortened(text, columns) == cut
