"""Hashtags in plain text, by the rules of github.com/twitter/twitter-text; its conformance cases are our test.

One simplification: a hash sign inside a URL starts no hashtag, and URLs are recognised by shape, without the list of
top-level domains.
"""

from bisect import bisect_left

import regex

_LETTER = r"\p{L}\p{M}"
TAG_CHARACTER = (
    rf"[{_LETTER}\p{{Nd}}"
    r"_\u200c\u200d\ua67e\u05be\u05f3\u05f4\uff5e\u301c\u309b\u309c\u30a0\u30fb\u3003\u0f0b\u0f0c\u00b7]"
)
# Variation selectors are marks and so belong to a hashtag, but after an emoji they end it.
_BOUNDARY = rf"(?:^|\uFE0E|\uFE0F|(?!{TAG_CHARACTER}|&).)"
_HASHTAG = regex.compile(
    rf"{_BOUNDARY}[#＃](?!\uFE0F|\u20E3)({TAG_CHARACTER}*[{_LETTER}]{TAG_CHARACTER}*)(?P<after>[#＃]|://)?",
    regex.DOTALL | regex.VERSION1,
)
# A start is a start in every script, and no repetition gives back what it took: linear in the text's length.
_LABEL = r"[\p{L}\p{Nd}_][\p{L}\p{Nd}_-]*+(?<=[\p{L}\p{Nd}])\."
_URL = regex.compile(
    r"(?:(?<![A-Za-z0-9@＠$#＃.\-])https?://|(?<![\p{L}\p{Nd}_@＠$#＃.\-]))"
    rf"(?:{_LABEL})++\p{{L}}{{2,63}}+(?::\d{{1,5}}+)?+"
    r"/[\p{Latin}\p{Cyrillic}\p{Nd}!*';:=+,.$/%#\[\]\-_~@|&()?]*+",
    regex.IGNORECASE | regex.VERSION1,
)


def extract(text: str) -> list[str]:
    """The hashtags as spelled, without the sign, in order, with repetitions."""
    return [tag for tag, _, _ in extract_with_indices(text)]


def extract_with_indices(text: str) -> list[tuple[str, int, int]]:
    """The hashtags with their positions in code points, from the sign (inclusive) to the end (exclusive)."""
    if "#" not in text and "＃" not in text:
        return []
    urls = [match.span() for match in _URL.finditer(text)] if "/" in text else []
    found = []
    for match in _HASHTAG.finditer(text):
        start, end = match.start(1) - 1, match.end(1)
        if match["after"] is None and not _overlaps(urls, start, end):
            found.append((match[1], start, end))
    return found


def _overlaps(spans: list[tuple[int, int]], start: int, end: int) -> bool:
    """Whether one of the spans (sorted, not overlapping) shares a code point with [start, end)."""
    before = bisect_left(spans, (end, 0))
    return before > 0 and spans[before - 1][1] > start
