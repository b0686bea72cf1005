"""Hashtags in plain text, as twitter-text has them."""

import time
from typing import Any

import pytest
import yaml

from formats.hashtags import extract, extract_with_indices
from tests.formats.recorded import recorded


def cases(group: str) -> list[dict[str, Any]]:
    tests: dict[str, list[dict[str, Any]]] = yaml.safe_load(recorded("twitter_text/extract.yml").read_text())["tests"]
    return tests[group]


@pytest.mark.recorded
@pytest.mark.parametrize(("group", "number"), [("hashtags", 65), ("hashtags_from_astral", 3)])
def test_all_of_twitter_texts_cases_hold(group: str, number: int) -> None:
    found = cases(group)
    assert len(found) == number
    assert [extract(case["text"]) for case in found] == [case["expected"] for case in found]


@pytest.mark.recorded
def test_all_of_twitter_texts_indices_hold() -> None:
    for case in cases("hashtags_with_indices"):
        expected = [(each["hashtag"], *each["indices"]) for each in case["expected"]]
        assert extract_with_indices(case["text"]) == expected, case["description"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#tag #Tag #tag", ["tag", "Tag", "tag"]),
        ("see http://a.example/x#no and #yes", ["yes"]),
        ("a.example/#no", []),
        ("a.example/x/＃yes", ["yes"]),  # right behind a URL, which has no full-width sign
        ("and/or #yes", ["yes"]),
        ("👍#yes", ["yes"]),
        ("a#no &#no", []),
        ("#1 #１ #2a", ["2a"]),
        ("＃全角 and #Ａ", ["全角", "Ａ"]),
        ("#हिन्दी #नमस्ते_दुनिया #ไทยทั้งนั้น", ["हिन्दी", "नमस्ते_दुनिया", "ไทยทั้งนั้น"]),
        ("#می\u200cخواهم #ක්\u200dර", ["می\u200cخواهم", "ක්\u200dර"]),
        ("#👍 #a👍b #\ufe0f\u20e3", ["a"]),
        ("word#no 日本#no _#no", []),
        ("", []),
    ],
)
def test_what_is_a_hashtag(text: str, expected: list[str]) -> None:
    assert extract(text) == expected


@pytest.mark.parametrize(
    "piece", ["字.", "#", "#1", "a-", "#a/", "http://", "字a/.", "x.co/#a 字 #b ", "#\u200d", "\ufe0f"]
)
def test_a_hostile_megabyte_takes_no_more_than_seconds(piece: str) -> None:
    started = time.process_time()
    extract(piece * (1_000_000 // len(piece)))
    assert time.process_time() - started < 20  # quadratic would be hours
