"""What every dialect's parser returns, and the fixed kinds and reasons of the books."""

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
TOO_SLOW = "takes too long to read"
UNREADABLE = "cannot be read"

LONGEST_ID = 3_000
"""Code points. A DID has at most 2,048, a record key 512; no topic would accept a longer key."""


class Parsed(msgspec.Struct, gc=False, frozen=True):
    """One record, understood or not.

    Attributes:
        kind: what the record counts as in the books.
        source: the dialect as which it was read.
        post_id: network and id, `x:123`; None if the record has no id of its own.
        created_at_us: event time, microseconds since 1970 in UTC; None if the record has none.
        lang: lower case, `und` if unknown.
        text: the full text; for a repost, that of the post it repeats.
        hashtags: as the author spelled them, without `#`, in order, with repetitions.
        is_repost: whether it repeats another post without words of its own.
        term: a control message's kind, a gap event's JSON, a dead record's reason; empty for posts.
        about: the post (`x:123`) or user that a control message is about, or its message; without control characters,
            at most 200 code points; empty if missing, and for all other kinds.
        own_text: a repost's own text as received (`text` is the full text of the repeated post); None for others.
        own_hashtags: those of a repost's own text or entities; None for others.
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


class Rejected(Exception):  # noqa: N818 - not our error: it names what is wrong with a record
    """A record that cannot be understood; the message is one of the fixed reasons in docs/contracts.md."""
