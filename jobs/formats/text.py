"""Plain text: each record is one post, in any language, without an id or a time of its own."""

from formats.hashtags import extract
from formats.parsed import INVALID_UTF8, Parsed, Rejected

SOURCE = "text"


def parse(raw: bytes) -> Parsed:
    """The record as a post.

    Raises:
        Rejected: it is not UTF-8.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Rejected(INVALID_UTF8) from None
    return Parsed("post", SOURCE, text=text, hashtags=tuple(extract(text)))
