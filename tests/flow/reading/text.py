"""Hashtags of plain text."""

import re
import unicodedata


def hashtags_of_text(text: str) -> list[str]:
    """twitter-text's rules: letters, marks, digits, `_` and a few joiners after # or ＃, one of them a letter or mark.

    Limits: it does not look for URLs, so a # that belongs to one would count.
    """
    found, at = [], 0
    while at < len(text):
        if text[at] not in "#＃" or (at > 0 and not _may_precede(text[at - 1])):
            at += 1
            continue
        end = at + 1
        while end < len(text) and _in_hashtag(text[end]):
            end += 1
        tag = text[at + 1 : end]
        has_letter = any(unicodedata.category(each)[0] in "LM" for each in tag)
        if has_letter and tag[0] not in "\ufe0f\u20e3" and not re.match("[#＃]|://", text[end : end + 3]):
            found.append(tag)
        at = end
    return found


def _may_precede(character: str) -> bool:
    """Not in the middle of a word; behind an emoji's variation selector is no word."""
    return character in "\ufe0e\ufe0f" or not (_in_hashtag(character) or character == "&")


def _in_hashtag(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] in "LM" or category == "Nd" or character in _JOINERS


_JOINERS = "_\u200c\u200d\ua67e\u05be\u05f3\u05f4\uff5e\u301c\u309b\u309c\u30a0\u30fb\u3003\u0f0b\u0f0c\u00b7"
