"""What makes two spellings the same term."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.terms import hashtags, identity, spelling
from formats.words import plain as words


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
        ("\u0390", "\u0390"),  # ΐ: folding takes it apart
        ("a\x00b\x85c", "abc"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("x" * 100, "x" * 100),
        ("x" * 101, "x" * 100 + "…"),
        ("\x01", ""),
        ("abc\u202ecba\u202c", "abccba"),
        ("\u2067عربي\u2069\u200f", "عربي"),
        ("\u200e\u061c", ""),
        ("a\x00\u200f\u0301", "á"),
        ("👨\u200d👩", "👨\u200d👩"),
        ("раураl", "раураl"),  # Cyrillic, all but the last
    ],
)
def test_identity(spelling: str, expected: str) -> None:
    assert identity(spelling) == expected


# All of Unicode's Bidi_Control characters (PropList.txt).
BIDI = [chr(each) for each in (0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))]
# Any text, rich in what composes, folds, joins and turns.
TEXTS = st.text(
    st.one_of(st.characters(), st.sampled_from([*BIDI, *"aeİßﬁ\x00\x85\u0301\u0327\u200c\u200d…"])), max_size=300
)


@given(TEXTS)
def test_an_identity_is_its_own_identity(spelling: str) -> None:
    assert identity(identity(spelling)) == identity(spelling)


@given(TEXTS)
def test_identity_follows_the_contract_whatever_the_text(spelling: str) -> None:
    clean = "".join(each for each in spelling if unicodedata.category(each) != "Cc" and each not in BIDI)
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", clean).casefold())
    assert identity(spelling) == (folded if len(folded) <= 100 else folded[:100] + "…")


def test_letters_that_only_look_alike_stay_apart() -> None:
    assert len({identity("paypal"), identity("раypаl"), identity("рaypal")}) == 3


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("KarNeval", "KarNeval"),
        ("ＴＯＫＹＯ", "ＴＯＫＹＯ"),
        ("a\tb\x00\u202ec\u2069", "abc"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("X" * 101, "X" * 100 + "…"),
        ("\u202e", ""),
    ],
)
def test_a_spelling_is_what_the_author_wrote_without_what_cannot_be_shown(tag: str, expected: str) -> None:
    assert spelling(tag) == expected


@given(TEXTS)
def test_the_identity_of_a_spelling_is_the_tags(tag: str) -> None:
    if len(tag) <= 100:
        assert identity(spelling(tag)) == identity(tag)


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
