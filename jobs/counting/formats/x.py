"""X (Twitter): posts of the v1.1 streams and archives, and of the v2 streams; their control messages.

Field meanings: developer.x.com, "Tweet object" (v1.1), "Post" (v2), "Consuming streaming data" (control messages).
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from counting.formats import lenient
from counting.formats.parsed import (
    MISSING_CREATED_AT,
    MISSING_ID,
    MISSING_TEXT,
    UNDETERMINED,
    UNKNOWN_SHAPE,
    Parsed,
    Rejected,
)
from counting.hashtags import extract

SOURCE = "x"

# Ids carry their time since the first one that the generator "snowflake" made, on 2010-11-04.
_FIRST_SNOWFLAKE = 29_700_859_247
_SNOWFLAKE_EPOCH_MS = 1_288_834_974_657
_MAX_ID_DIGITS = 19
_LANG = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*")
_LONGEST_LANG = 35  # what BCP 47 asks an implementation to hold (RFC 5646, 4.4.1)
_MONTHS = {
    name: n
    for n, name in enumerate(["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"], 1)
}
_ABSENT = msgspec.Raw(b"")
_NULL = b"null"


class _Hashtag(msgspec.Struct, gc=False):
    text: str | None = None  # v1.1
    tag: str | None = None  # v2


class _Entities(msgspec.Struct, gc=False):
    hashtags: list[_Hashtag] | None = None


class _LongText(msgspec.Struct, gc=False):
    full_text: str | None = None  # v1.1 extended_tweet
    text: str | None = None  # v2 note_tweet
    entities: _Entities | None = None


class _Referenced(msgspec.Struct, gc=False):
    type: str | None = None
    id: str | None = None


class _Content(msgspec.Struct, gc=False):
    """What both APIs say of a post's text."""

    text: str | None = None
    full_text: str | None = None
    extended_tweet: _LongText | None = None
    note_tweet: _LongText | None = None
    entities: _Entities | None = None


class _Post2(_Content, gc=False):
    id: str | None = None
    edit_history_tweet_ids: list[str] | None = None
    created_at: str | None = None
    lang: str | None = None
    referenced_tweets: list[_Referenced] | None = None


class _Includes(msgspec.Struct, gc=False):
    tweets: list[_Post2] | None = None


class _Problem(msgspec.Struct, gc=False):
    title: str | None = None


class _Message(_Content, gc=False):
    """A line of either API: a v1.1 post, a v2 envelope, or a control message."""

    id: int | None = None
    id_str: str | None = None
    created_at: str | None = None
    timestamp_ms: str | int | None = None
    lang: str | None = None
    retweeted_status: _Content | None = None
    data: _Post2 | None = None
    includes: _Includes | None = None
    errors: list[_Problem] | None = None
    title: str | None = None
    connection_issue: msgspec.Raw = _ABSENT
    delete: msgspec.Raw = _ABSENT
    scrub_geo: msgspec.Raw = _ABSENT
    limit: msgspec.Raw = _ABSENT
    status_withheld: msgspec.Raw = _ABSENT
    user_withheld: msgspec.Raw = _ABSENT
    disconnect: msgspec.Raw = _ABSENT
    warning: msgspec.Raw = _ABSENT


_CONTROL = ("delete", "scrub_geo", "limit", "status_withheld", "user_withheld", "disconnect", "warning")
_decoder = msgspec.json.Decoder(_Message)


def parse(raw: bytes) -> Parsed:
    """One line of X as a post or a control message.

    Raises:
        Rejected: it is neither.
    """
    message = lenient.decode(_decoder, raw)
    known = _identify(message)
    if known is None:
        return Parsed("control", SOURCE, term=_control(message))
    post_id, created_at_us = known
    own: _Content = message if message.data is None else message.data
    repeated = message.retweeted_status if message.data is None else _retweeted(message)
    is_repost = repeated is not None or _is_retweet(message.data)
    text, hashtags = _content(repeated if repeated is not None and _text(repeated) is not None else own)
    lang = (message.lang if message.data is None else message.data.lang) or UNDETERMINED
    return Parsed("post", SOURCE, post_id, created_at_us, language(lang), text, hashtags, is_repost)


def post_id(raw: bytes) -> str | None:
    """The id that `parse` gives the post, at less cost; None where it is no post."""
    try:
        known = _identify(lenient.decode(_decoder, raw))
    except Rejected:
        return None
    return None if known is None else known[0]


def language(code: str) -> str:
    """The code in lower case; `und` where it doesn't look like one, or is longer than any."""
    code = code.lower()
    return code if len(code) <= _LONGEST_LANG and _LANG.fullmatch(code) else UNDETERMINED


def _identify(message: _Message) -> tuple[str, int] | None:
    """Identity and event time of a post; None for a control message. The one place that says what is a post."""
    post = message.data
    if post is not None:
        history = post.edit_history_tweet_ids
        number = _digits(history[0] if history else None) or _digits(post.id)
        latest = _digits(post.id) or number
        return _checked(number, _iso_us(post.created_at), latest, post)
    number = _digits(message.id_str) or _digits(str(message.id or ""))
    if number is None and _is_control(message):
        return None
    created_at_us = _timestamp_us(message.timestamp_ms)
    if created_at_us is None:
        created_at_us = _created_at_us(message.created_at)
    return _checked(number, created_at_us, number, message)


def _checked(number: str | None, created_at_us: int | None, latest: str | None, content: _Content) -> tuple[str, int]:
    if number is None:
        raise Rejected(UNKNOWN_SHAPE if _text(content) is None else MISSING_ID)
    if created_at_us is None:
        created_at_us = _snowflake_us(latest or number)
    if created_at_us is None:
        raise Rejected(MISSING_CREATED_AT)
    if _text(content) is None:
        raise Rejected(MISSING_TEXT)
    return f"x:{number}", created_at_us


def _digits(text: str | None) -> str | None:
    if text and len(text) <= _MAX_ID_DIGITS and text.isascii() and text.isdigit() and text[0] != "0":
        return text
    return None


def _text(content: _Content) -> str | None:
    long = content.extended_tweet or content.note_tweet
    if long is not None:
        whole = long.full_text if long.full_text is not None else long.text
        if whole is not None:
            return whole
    return content.full_text if content.full_text is not None else content.text


def _content(content: _Content) -> tuple[str, tuple[str, ...]]:
    """Text and hashtags: the network's own entities of the longest form; without any, what stands in the text."""
    text = _text(content) or ""
    long = content.extended_tweet or content.note_tweet
    for entities in (long.entities if long is not None else None, content.entities):
        if entities is not None:
            return text, _tags(entities.hashtags or ())
    return text, tuple(extract(text))


def _tags(hashtags: Iterable[_Hashtag]) -> tuple[str, ...]:
    spelled = (each.text if each.text is not None else each.tag for each in hashtags)
    return tuple(tag for tag in spelled if tag)


def _is_retweet(post: _Post2 | None) -> bool:
    return post is not None and any(each.type == "retweeted" for each in post.referenced_tweets or ())


def _retweeted(message: _Message) -> _Content | None:
    """The v2 post that this one repeats, where the stream includes it."""
    if not _is_retweet(message.data) or message.includes is None:
        return None
    wanted = {each.id for each in message.data.referenced_tweets or () if each.type == "retweeted"}  # type: ignore[union-attr]
    return next((post for post in message.includes.tweets or () if post.id in wanted), None)


def _is_control(message: _Message) -> bool:
    return bool(
        message.errors
        or bytes(message.connection_issue)
        or any(bytes(getattr(message, kind)) not in (b"", _NULL) for kind in _CONTROL)
    )


def _control(message: _Message) -> str:
    for kind in _CONTROL:
        if bytes(getattr(message, kind)) not in (b"", _NULL):
            return kind
    title = message.title or next((problem.title for problem in message.errors or () if problem.title), None)
    return title or "error"


def _timestamp_us(timestamp_ms: str | int | None) -> int | None:
    digits = _digits(str(timestamp_ms or ""))
    return None if digits is None else int(digits) * 1000


def _created_at_us(created_at: str | None) -> int | None:
    """`Wed Aug 27 13:08:45 +0000 2008`, by hand: strptime takes ten times as long and follows the locale."""
    if created_at is None:
        return None
    try:
        _, month, day, clock, zone, year = created_at.split(" ")
        moment = datetime.fromisoformat(f"{year}-{_MONTHS[month]:02}-{int(day):02}T{clock}{zone}")
    except (ValueError, KeyError):
        return _iso_us(created_at)
    return _epoch_us(moment)


def _iso_us(created_at: str | None) -> int | None:
    if created_at is None:
        return None
    try:
        return _epoch_us(datetime.fromisoformat(created_at))
    except ValueError:
        return None


def _epoch_us(moment: datetime) -> int:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _snowflake_us(digits: str) -> int | None:
    number = int(digits)
    return ((number >> 22) + _SNOWFLAKE_EPOCH_MS) * 1000 if number >= _FIRST_SNOWFLAKE else None
