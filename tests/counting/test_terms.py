"""What makes two spellings the same term."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counting.terms import hashtags, identity, words


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [
        ("Karneval", "karneval"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("ﬁn", "fin"),
        ("ＴＯＫＹＯ", "tokyo"),
        ("e\u0301te\u0301", "été"),
        ("İ", "i̇"),
        ("a\x00b\x85c", "abc"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("x" * 100, "x" * 100),
        ("x" * 101, "x" * 100 + "…"),
        ("\x01", ""),
    ],
)
def test_identity(spelling: str, expected: str) -> None:
    assert identity(spelling) == expected


@given(st.text(max_size=300))
def test_an_identity_is_its_own_identity(spelling: str) -> None:
    assert identity(identity(spelling)) == identity(spelling)


@given(st.text(max_size=300))
def test_identity_follows_the_contract_whatever_the_text(spelling: str) -> None:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", spelling).casefold())
    clean = "".join(each for each in folded if unicodedata.category(each) != "Cc")
    assert identity(spelling) == (clean if len(clean) <= 100 else clean[:100] + "…")


def test_words_are_split_on_white_space_and_counted_once() -> None:
    assert words("The  the\tTHE\u3000end\n#end") == ["the", "end", "#end"]
    assert words("") == []
    assert words(" \x01 ") == []
    assert words("x" * 1_000_000) == ["x" * 100 + "…"]


def test_hashtags_of_one_post_count_once() -> None:
    assert hashtags(["Straße", "STRASSE", "a", ""]) == ["strasse", "a"]


def test_a_megabyte_of_combining_marks_takes_no_more_than_seconds() -> None:
    started = time.process_time()
    words("a" + "\u0301\u0316" * 500_000)
    assert time.process_time() - started < 20  # normalising all of it would be an hour
