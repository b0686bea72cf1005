"""The geometry of the pictures."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporting.charts import PLOT_HEIGHT, Band, band, bar_width, columns, gap_bands, sparkline, ticks
from tests.reporting.samples import END, START, at, gap, hours

day_of_posts = st.lists(st.integers(0, 10**9), min_size=24, max_size=24)


@given(st.integers(0, 10**12))
def test_a_scale_reaches_the_largest_value_in_few_even_steps(largest: int) -> None:
    scale = ticks(largest)
    steps = {after - before for before, after in pairwise(scale)}
    assert scale[0] == 0
    assert scale[-1] >= max(largest, 1)
    assert scale[-2] < max(largest, 1)
    assert len(scale) <= 5
    assert len(steps) == 1


@given(day_of_posts)
def test_columns_stay_within_the_plot_and_stand_on_its_ground(posts: list[int]) -> None:
    drawn, _ = columns(posts)
    assert [column.posts for column in drawn] == posts
    for column in drawn:
        assert 0 <= column.y <= PLOT_HEIGHT
        assert column.y + column.height == pytest.approx(PLOT_HEIGHT, abs=0.02)
        assert 0 < column.x < column.x + column.width < 100


def test_a_column_is_as_high_as_its_share_of_the_scale() -> None:
    drawn, scale = columns(hours(h3=50, h4=100))
    assert scale[-1].value == 100
    assert (drawn[3].height, drawn[4].height, drawn[5].height) == (PLOT_HEIGHT / 2, PLOT_HEIGHT, 0)


def test_the_longest_bar_is_the_whole_width() -> None:
    assert [bar_width(value, 8) for value in (8, 4, 1)] == [100, 50, 12.5]
    assert bar_width(0, 0) == 0


def test_a_sparkline_has_a_column_for_each_hour_with_posts() -> None:
    assert sparkline(hours(h0=2, h23=1)) == "M0 22v-22h3v22zM92 22v-11h3v11z"


def test_one_post_beside_a_million_is_still_seen() -> None:
    assert "v-1h" in sparkline(hours(h0=10**6, h1=1))


def test_a_band_lies_where_its_time_lies() -> None:
    assert band(at("06:00"), at("12:00"), start=START) == Band(25, 25)


def test_a_band_ends_with_the_day() -> None:
    assert band(at("18:00"), END + timedelta(days=3), start=START) == Band(75, 25)
    assert band(END, END + timedelta(hours=1), start=START) is None


def test_a_short_gap_is_as_wide_as_can_be_seen() -> None:
    assert [found.width for found in gap_bands([gap("06:00", "06:01")], start=START)] == [0.2]
