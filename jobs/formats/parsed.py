"""What every dialect's parser returns, and the words that the books use for it."""

from typing import Literal

import msgspec

Kind = Literal["post", "control", "gap", "dead"]

UNKNOWN_SOURCE = "unknown"
KEEP_ALIVE = "keep_alive"
UNDETERMINED = "und"

INVALID_UTF8 = "invalid UTF-8"
INVALID_JSON = "truncated or invalid JSON"
TOO_DEEP = "JSON nested too deeply"
NOT_AN_OBJECT = "not a JSON object"
MISSING_ID = "missing id"
MISSING_CREATED_AT = "missing created_at"
MISSING_TEXT = "missing text"
UNKNOWN_SHAPE = "unknown shape"
UNKNOWN_DIALECT = "unknown dialect"
NO_VALUE = "no value"
TOO_LARGE = "too large for the topic"

LONGEST_ID = 3_000
"""Code points: a DID has at most 2,048, a record key 512. What is longer is no id: as a key, no topic would take it."""


class Parsed(msgspec.Struct, gc=False, frozen=True):
    """One record, understood or not.

    Attributes:
        kind: what the record is to the books.
        source: the dialect it was read as.
        post_id: network and id, `x:123`; None where the record has no id of its own.
        created_at_us: event time, microseconds since 1970 in UTC; None where the record doesn't say.
        lang: lower case, `und` where unknown.
        text: the full text; for a repost that of the post it repeats.
        hashtags: as the author spelled them, without `#`, in order, repetitions kept.
        is_repost: whether it repeats another's post without words of its own.
        term: a control message's kind, a gap note's JSON, a dead record's reason; empty for posts.
        about: the post (`x:123`) or user that a control message is about, or what it says; without control characters,
            at most 200 code points; empty where it says nothing, and for everything else.
        own_text: of reposts their own text as it came (`text` is the whole of what they repeat); else None.
        own_hashtags: of reposts those of their own text or entities; else None.
    """

    kind: Kind
    source: str
    post_id: str | None = None
    created_at_us: int | None = None
    lang: str = UNDETERMINED
    text: str = ""
    hashtags: tuple[str, ...] = ()
    is_repost: bool = False
    term: str = ""
    about: str = ""
    own_text: str | None = None
    own_hashtags: tuple[str, ...] | None = None


class Rejected(Exception):  # noqa: N818 - not an error of ours: it names what is wrong with a record
    """A record that is not understood; the message is one of the fixed reasons of docs/contracts.md."""
