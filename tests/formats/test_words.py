"""The words of a text: plain, and sensible ones."""

import time

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from formats import terms, words


def test_plain_words_are_split_on_white_space_and_counted_once() -> None:
    assert words.plain("The  the\tTHE\u3000end\n#end") == ["the", "end", "#end"]
    assert words.plain("") == []
    assert words.plain(" \x01 ") == []
    assert words.plain("x" * 1_000_000) == ["x" * 100 + "…"]


@pytest.mark.parametrize(
    ("text", "lang", "expected"),
    [
        ("Peter's BOOKS, books! (12,000 of them)", "en", ["peter", "books"]),
        ("rain https://t.co/abc?d=1#e www.x.example/a b.example/c bsky.app snow", "en", ["rain", "snow"]),
        ("rain mail@some.example, @bob and @bob@server.example snow", "en", ["rain", "snow"]),
        ("RT @bob: rain &amp; snow", "en", ["rain", "snow"]),
        ("covid-19 4k 2024 3.14 — q x 👍 ❤️‍🔥", "en", ["covid-19", "4k"]),
        ("#Climate_Change, ＃snow #123", "en", ["climate_change", "snow"]),
        ("don't o'brien _emphasis_", "en", ["o'brien", "emphasis"]),
        ("L'eau d'aujourd’hui, qu'il boit", "fr", ["eau", "boit"]),
        ("die Straße und das Wetter", "de-AT", ["strasse", "wetter"]),
        ("Я не знаю что такое любовь", "ru", ["знаю", "любовь"]),
        ("the weather", "und", ["weather"]),
        ("the weather", "xx", ["the", "weather"]),
        ("می\u200cخواهم", "fa", ["می\u200cخواهم"]),
        ("오늘 날씨가 좋아요~", "ko", ["오늘", "날씨가", "좋아요"]),
        ("今日は天気がとても良いです。", "ja", ["今日", "天気", "とても", "良い"]),
        ("待って、知らなかった", "ja", ["待って", "知らなかった"]),
        ("iPhone15を買いましたhttps://t.co/abc今日", "und", ["iphone15", "買いました", "今日"]),
        ("雨 #今日の天気", "ja", ["雨", "今日の天気"]),
        ("今天天气非常好，我们去公园散步", "zh", ["今天", "天气", "非常", "公园", "散步"]),
        ("台灣的選舉結果令人驚訝", "zh-tw", ["台灣", "選舉", "結果", "令", "驚訝"]),
        ("อากาศดีมาก", "th", ["อากาศ", "ดี"]),
        ("x" * 101, "en", []),
        ("", "en", []),
    ],
)
def test_sensible_words_say_what_a_post_is_about(text: str, lang: str, expected: list[str]) -> None:
    assert words.clean(text, lang) == [terms.identity(each) for each in expected]


@given(st.text(max_size=200), st.sampled_from(["en", "ja", "zh", "th", "und", "fr", "xx"]))
def test_a_sensible_word_is_an_identity_with_a_letter_and_comes_once(text: str, lang: str) -> None:
    found = words.clean(text, lang)
    assert len(found) == len(set(found))
    for word in found:
        assert terms.identity(word) == word
        assert regex.search(r"\p{L}", word)


@pytest.mark.parametrize(
    "piece", ["a", "a.", "a-", "@a", "#a", "今", "の", "ก", "http://", "a'", "a@", "a.a@", "RT ", "&"]
)
def test_a_hostile_megabyte_takes_no_more_than_seconds(piece: str) -> None:
    started = time.process_time()
    words.clean(piece * (1_000_000 // len(piece)), "ja")
    assert time.process_time() - started < 30  # quadratic would be hours
