"""Identities of terms: decides which spellings are the same."""

import unicodedata
from collections.abc import Iterable
from functools import lru_cache

MAX_LENGTH = 100
_ELLIPSIS = "…"
# Normalising takes quadratic time on runs of combining marks: 80,000 took 5 s, a hostile megabyte would take an hour.
_LOOKED_AT = 1_000
_CACHED = 65_536
# They change the direction of displayed text, and would make two tags that look the same differ.
_BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def identity(spelling: str) -> str:
    """The form by which a term is counted; may be empty.

    Control characters (category Cc) and bidirectional controls are removed first, so that what they separated can
    compose; then NFKC, full case folding, NFKC again (folding can undo it). More than 100 code points are cut at 100
    and end in an ellipsis; only the first 1,000 are looked at. Joiners (ZWJ, ZWNJ) stay, because they change letters;
    look-alike letters stay different.
    """
    shown = _without_controls(spelling[:_LOOKED_AT])
    if shown.isascii():
        return _cut(shown.lower())
    return _cut(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", shown).casefold()))


def spelling(tag: str) -> str:
    """The tag as its author wrote it, without control and bidirectional characters, cut like an identity."""
    return _cut(_without_controls(tag[:_LOOKED_AT]))


def hashtags(spellings: Iterable[str]) -> list[str]:
    """The different hashtags of one post, by identity."""
    return different(spellings)


def different(spellings: Iterable[str]) -> list[str]:
    """The identities of the spellings: each once, in order, without empty ones."""
    seen = dict.fromkeys(_cached(each) if len(each) <= MAX_LENGTH else identity(each) for each in spellings)
    seen.pop("", None)
    return list(seen)


_cached = lru_cache(maxsize=_CACHED)(identity)


def _without_controls(text: str) -> str:
    # Of the unprintable characters only controls are removed: joiners and marks carry meaning.
    if text.isprintable():
        return text
    return "".join(char for char in text if char not in _BIDI_CONTROLS and unicodedata.category(char) != "Cc")


def _cut(text: str) -> str:
    return text if len(text) <= MAX_LENGTH else text[:MAX_LENGTH] + _ELLIPSIS
