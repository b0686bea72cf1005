"""Ranks, their change, shares and hours."""

import random

from reporting.ranking import Change, Rank, TermCount, by_hour, change_of, in_order, ranked, share_of, shares_by

COUNTS = [TermCount("b", 5, 0), TermCount("a", 5, 1), TermCount("é", 5, 0), TermCount("c", 9, 2), TermCount("z", 1, 0)]


def test_equal_counts_are_ordered_by_code_point_whatever_order_they_came_in() -> None:
    for seed in range(20):
        shuffled = random.Random(seed).sample(COUNTS, len(COUNTS))  # noqa: S311  a seeded order, no secret
        assert [count.term for count in in_order(shuffled)] == ["c", "a", "b", "é", "z"]


def test_equal_counts_share_a_rank_and_the_next_one_counts_them_all() -> None:
    assert [(line.term, line.rank) for line in ranked(COUNTS, posts=100)] == [
        ("c", 1), ("a", 2), ("b", 2), ("é", 2), ("z", 5)
    ]  # fmt: skip


def test_a_term_without_a_spelling_is_shown_as_it_is_counted() -> None:
    lines = ranked(COUNTS, posts=50, spellings={"a": "Ａ", "x": "X"})
    assert {line.term: line.spelling for line in lines} == {"c": "c", "a": "Ａ", "b": "b", "é": "é", "z": "z"}


def test_a_share_is_of_all_posts() -> None:
    assert [line.share for line in ranked(COUNTS, posts=50)][:2] == [0.18, 0.1]


def test_there_is_no_share_of_nothing() -> None:
    assert share_of(3, 0) is None


def test_a_rank_moves_up_when_its_number_falls() -> None:
    assert change_of(2, Rank(5, 1)) is Change.UP
    assert change_of(5, Rank(2, 1)) is Change.DOWN
    assert change_of(2, Rank(2, 1)) is Change.SAME


def test_a_term_is_new_only_where_the_day_before_has_counts() -> None:
    assert [line.change for line in ranked(COUNTS[:1], posts=9, previous={})] == [Change.NEW]
    assert [line.change for line in ranked(COUNTS[:1], posts=9, previous=None)] == [Change.UNKNOWN]


def test_steps_say_how_far_a_rank_moved() -> None:
    up, down = ranked(
        [TermCount("a", 9, 0), TermCount("b", 8, 0)], posts=9, previous={"a": Rank(4, 1), "b": Rank(1, 2)}
    )
    assert (up.steps, down.steps) == (3, 1)


def test_hours_are_summed_and_the_rest_are_zero() -> None:
    hours = by_hour([(0, 1), (23, 2), (0, 3)])
    assert (hours[0], hours[23], sum(hours), len(hours)) == (4, 2, 6, 24)


def test_a_term_without_hours_has_24_of_nothing() -> None:
    assert ranked(COUNTS[:1], posts=9)[0].hours == (0,) * 24


def test_names_past_the_limit_become_one_line_and_shares_stay_whole() -> None:
    rows = [("en", 4), ("ja", 3), ("en", 1), ("ar", 1), ("de", 1)]
    assert shares_by(rows, limit=2) == [("en", 5, 0.5), ("ja", 3, 0.3), (None, 2, 0.2)]
