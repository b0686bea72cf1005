"""Words of scripts that are written without spaces: Japanese, Chinese, Thai, by BudouX's models.

Korean has spaces. Lao, Khmer and Burmese have no model here: everything between two spaces is one word.
"""

import json
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path

import budoux
import regex

SCRIPTS = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}ー々〆〇"
"""The characters of a run that has to be cut, as the inside of a regular expression's set."""

_MODELS = Path(budoux.__file__).parent / "models"
_PIECE = 200  # BudouX copies the current word for each letter: a megabyte without a break would take hours
_CACHED = 16_384
_THAI = regex.compile(r"\p{Thai}")
_KANA = regex.compile(r"[\p{Hiragana}\p{Katakana}]")
_HIRAGANA_AT_END = regex.compile(r"\p{Hiragana}$")
# Of the most frequent characters, these occur only in traditional Chinese.
_TRADITIONAL = regex.compile("[們個這說會來時後對沒還過點麼話開問見關現學國實愛讓給發嗎與為無電書車東長門]")
_TRADITIONAL_LANGS = ("zh-tw", "zh-hk", "zh-mo", "zh-hant")
# The model cuts these off a verb or an adjective: 待っ + て, 知ら + なかっ + た. Alone neither side is a word.
_INFLECTION = regex.compile(
    "て|た|だ|ちゃ|てる|まし|ます|ませ|ん|ない|なかっ|なく|れ|れる|られ|られる|せ|せる|させ|させる|う|よう|たり|たら|ば"
)


def segment(run: str, lang: str, japanese: bool) -> Iterator[str]:
    """The words of a run of SCRIPTS.

    Args:
        run: characters of these scripts only.
        lang: the post's language, lower case.
        japanese: whether the text around the run is Japanese; Chinese characters alone do not show it.
    """
    if _THAI.search(run):
        model = "th"
    elif japanese:
        model = "ja_word"
    elif lang.startswith(_TRADITIONAL_LANGS) or _TRADITIONAL.search(run):
        model = "zh-hant"
    else:
        model = "zh-hans"
    for start in range(0, len(run), _PIECE):
        yield from _cut(run[start : start + _PIECE], model)


def is_japanese(text: str, lang: str) -> bool:
    """Decides by the language; if that is neither Japanese nor Chinese, by kana."""
    return lang.startswith("ja") or (not lang.startswith("zh") and _KANA.search(text) is not None)


@lru_cache(maxsize=_CACHED)
def _cut(piece: str, model: str) -> tuple[str, ...]:
    words = _parser(model).parse(piece)
    return tuple(_inflected(words) if model == "ja_word" else words)


@cache  # five models at most
def _parser(model: str) -> budoux.Parser:
    return budoux.Parser(json.loads((_MODELS / f"{model}.json").read_text("utf-8")))


def _inflected(words: list[str]) -> Iterator[str]:
    """Japanese words with their endings joined to them again."""
    word = ""
    for each in words:
        if word and _INFLECTION.fullmatch(each) and _HIRAGANA_AT_END.search(word):
            word += each
            continue
        if word:
            yield word
        word = each
    if word:
        yield word
