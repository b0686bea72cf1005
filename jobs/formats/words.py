"""The words of a post's text, each once, by identity (docs/contracts.md, Terms)."""

from collections.abc import Iterator
from functools import lru_cache

import regex
import stopwordsiso

from formats import spaceless, terms
from formats.hashtags import TAG_CHARACTER

# Codes that differ from ISO 639-1, by which stop words are listed.
_ALIASES = {"iw": "he", "in": "id", "nb": "no", "nn": "no", "fil": "tl"}
# Unknown languages: X sends und, or q.. and others for posts of only a link, a picture, tags or mentions.
_UNKNOWN = frozenset({"und", "art", "qam", "qct", "qht", "qme", "qst", "zxx"})
_LANGUAGE_OF_UNKNOWN = "en"

_CACHED = 65_536

_LATIN = r"\p{Latin}\p{Nd}"
_IN_URL = rf"[^\s{spaceless.SCRIPTS}<>\"「」『』（）、。]"
_LETTER = r"[\p{L}\p{M}\p{Nd}_\u200c\u200d--[" + spaceless.SCRIPTS + r"\ufe00-\ufe0f]]"
_TOKEN = regex.compile(
    rf"""
    (?:[Hh][Tt][Tt][Pp][Ss]?://|[Ww][Ww][Ww]\.){_IN_URL}*+
    | (?<![{_LATIN}_.@＠-])[{_LATIN}](?:[{_LATIN}-]{{0,62}}\.){{1,10}}
        (?:\p{{Latin}}{{2,63}}/{_IN_URL}*+|(?i:com|org|net|edu|gov|info|io|app|dev|tv|social)(?![{_LATIN}_-]))
    | (?<![{_LATIN}_.+-])[{_LATIN}_.+-]{{1,64}}@(?:[{_LATIN}-]{{1,63}}\.){{1,10}}\p{{Latin}}{{2,63}}
    | (?<![A-Za-z0-9_])[@＠][A-Za-z0-9_][A-Za-z0-9_.-]*+(?:@[A-Za-z0-9_.-]*+)?
    | (?<![{_LATIN}_])RT(?=\s+[@＠])
    | &(?:amp|lt|gt|quot|\#39);
    | (?P<tag>(?<!{TAG_CHARACTER})[#＃]{TAG_CHARACTER}++)
    | (?P<run>[{spaceless.SCRIPTS}]++)
    | (?P<word>{_LETTER}++(?:['’ʼ＇\-‐‑·]{_LETTER}++)*+)
    """,
    regex.VERBOSE | regex.VERSION1,
)
_AROUND = "_\u200c\u200d"
_APOSTROPHES = str.maketrans("’ʼ＇‐‑", "'''--")
_HAS_LETTER = regex.compile(r"\p{L}")
_WHOLE_IN_ONE = regex.compile(r"[\p{Han}\p{Hangul}]")
_ENGLISH_ENDINGS = frozenset({"s", "d", "ll", "m", "re", "t", "ve"})


def plain(text: str) -> list[str]:
    """The text split on white space: the default."""
    return terms.different(text.split())


def clean(text: str, lang: str) -> list[str]:
    """The words that show what a post of this language is about.

    Drops URLs, mail addresses, mentions, punctuation, emoji, bare numbers, single letters, stop words, and words that
    are too long for a term. A hashtag is a word, without its sign.
    """
    seen = dict.fromkeys(_word(token, lang) for token in _tokens(text, lang) if len(token) <= terms.MAX_LENGTH)
    seen.pop("", None)
    return list(seen)


@lru_cache(maxsize=_CACHED)
def _word(token: str, lang: str) -> str:
    """The identity of a token's word; empty if it has none."""
    ignored = _stop_words(lang)
    identity = terms.identity(_bare(token, lang, ignored))
    return identity if identity not in ignored and _is_word(identity) else ""


def _tokens(text: str, lang: str) -> Iterator[str]:
    japanese = None
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        if kind == "word":
            yield match[0].translate(_APOSTROPHES).strip(_AROUND)
        elif kind == "run":
            if japanese is None:
                japanese = spaceless.is_japanese(text, lang)
            yield from spaceless.segment(match[0], lang, japanese)
        elif kind == "tag":
            yield match[0][1:]


def _is_word(identity: str) -> bool:
    if len(identity) == 1:
        return _WHOLE_IN_ONE.match(identity) is not None
    return len(identity) <= terms.MAX_LENGTH and _HAS_LETTER.search(identity) is not None


def _bare(word: str, lang: str, ignored: frozenset[str]) -> str:
    """The word without a part joined by an apostrophe: Peter's → Peter, l'eau → eau."""
    before, apostrophe, after = word.partition("'")
    if not apostrophe or terms.identity(word) in ignored:
        return word
    if after.lower() in _ENGLISH_ENDINGS:
        return before
    english = _listed(lang) == "en"
    return after if not english and terms.identity(before) in ignored else word


@lru_cache(maxsize=256)
def _stop_words(lang: str) -> frozenset[str]:
    """Stop words by identity; empty for a language without a list."""
    code = _listed(lang)
    return frozenset(map(terms.identity, stopwordsiso.stopwords(code))) if stopwordsiso.has_lang(code) else frozenset()


def _listed(lang: str) -> str:
    code = lang.partition("-")[0]
    return _LANGUAGE_OF_UNKNOWN if code in _UNKNOWN else _ALIASES.get(code, code)
