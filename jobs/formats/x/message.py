"""A line of X as typed fields: those of v1.1, v2 and their control messages that we read.

Field meanings: developer.x.com, "Tweet object" (v1.1), "Post" (v2), "Consuming streaming data" (control messages).
"""

import msgspec

ABSENT = msgspec.Raw(b"")


class Hashtag(msgspec.Struct, gc=False):
    """One entity."""

    text: str | None = None  # v1.1
    tag: str | None = None  # v2


class Entities(msgspec.Struct, gc=False):
    """Entities that the network found in a text."""

    hashtags: list[Hashtag] | None = None


class LongText(msgspec.Struct, gc=False):
    """A text beyond the classic length, with its entities."""

    full_text: str | None = None  # v1.1 extended_tweet
    text: str | None = None  # v2 note_tweet
    entities: Entities | None = None


class Referenced(msgspec.Struct, gc=False):
    """A v2 post's relation to another: retweeted, quoted, replied_to."""

    type: str | None = None
    id: str | None = None


class Content(msgspec.Struct, gc=False):
    """Fields of a post's text that both APIs have."""

    text: str | None = None
    full_text: str | None = None
    extended_tweet: LongText | None = None
    note_tweet: LongText | None = None
    entities: Entities | None = None


class Post2(Content, gc=False):
    """A v2 post."""

    id: str | None = None
    edit_history_tweet_ids: list[str] | None = None
    created_at: str | None = None
    lang: str | None = None
    referenced_tweets: list[Referenced] | None = None


class Includes(msgspec.Struct, gc=False):
    """The posts that a v2 post refers to."""

    tweets: list[Post2] | None = None


class Problem(msgspec.Struct, gc=False):
    """X's message about a stream that it ends or refuses."""

    title: str | None = None
    detail: str | None = None
    disconnect_type: str | None = None


class Message(Content, gc=False):
    """A line of either API: a v1.1 post, a v2 envelope, or a control message."""

    id: int | None = None
    id_str: str | None = None
    created_at: str | None = None
    timestamp_ms: str | int | None = None
    lang: str | None = None
    retweeted_status: Content | None = None
    data: Post2 | None = None
    includes: Includes | None = None
    errors: list[Problem] | None = None
    title: str | None = None
    detail: str | None = None
    connection_issue: msgspec.Raw = ABSENT
    delete: msgspec.Raw = ABSENT
    scrub_geo: msgspec.Raw = ABSENT
    limit: msgspec.Raw = ABSENT
    status_withheld: msgspec.Raw = ABSENT
    user_withheld: msgspec.Raw = ABSENT
    disconnect: msgspec.Raw = ABSENT
    warning: msgspec.Raw = ABSENT


decoder = msgspec.json.Decoder(Message)
