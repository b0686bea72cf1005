"""What makes two spellings the same term."""

import unicodedata
from collections.abc import Iterable
from functools import lru_cache

MAX_LENGTH = 100
_ELLIPSIS = "…"
# Normalising takes quadratic time on a run of combining marks: 80,000 of them 5 s, a hostile megabyte an hour.
_LOOKED_AT = 1_000
_CACHED = 65_536


def identity(spelling: str) -> str:
    """The form by which a term is counted; may be empty.

    NFKC, full case folding, NFKC again (folding can undo it); control characters (category Cc) removed; more than 100
    code points are cut at 100 and end in an ellipsis. Only the first 1,000 code points are looked at.
    """
    spelling = spelling[:_LOOKED_AT]
    if spelling.isascii():
        folded = spelling.lower()
        if not folded.isprintable():
            folded = _without_controls(folded)
    else:
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", spelling).casefold())
        folded = _without_controls(folded)
    return folded if len(folded) <= MAX_LENGTH else folded[:MAX_LENGTH] + _ELLIPSIS


def hashtags(spellings: Iterable[str]) -> list[str]:
    """The different hashtags of one post, by identity."""
    return _different(spellings)


def words(text: str) -> list[str]:
    """The different words of one post, by identity: its text split on white space."""
    return _different(text.split())


def _different(spellings: Iterable[str]) -> list[str]:
    seen = dict.fromkeys(_cached(each) if len(each) <= MAX_LENGTH else identity(each) for each in spellings)
    seen.pop("", None)
    return list(seen)


_cached = lru_cache(maxsize=_CACHED)(identity)


def _without_controls(text: str) -> str:
    # Of the characters that are not printable only the control characters go: joiners and marks carry meaning.
    if text.isprintable():
        return text
    return "".join(char for char in text if unicodedata.category(char) != "Cc")
