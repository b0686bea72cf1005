"""The comparison itself."""

from tests.flow.comparing import SHOWN, differences


def test_equal_counts_have_no_difference() -> None:
    assert differences({"a": (1, 0)}, {"a": (1, 0)}) == []


def test_what_is_missing_too_much_or_other_is_shown_with_both_numbers() -> None:
    assert differences({"a": 1, "b": 2, "d": 4}, {"b": 3, "c": 9, "d": 4}) == [
        "3 of 4 keys differ",
        "a: expected 1, found None",
        "b: expected 2, found 3",
        "c: expected None, found 9",
    ]


def test_only_the_first_differences_are_shown() -> None:
    assert len(differences(dict.fromkeys(range(1000)), dict.fromkeys(range(1000), 1))) == 1 + SHOWN
