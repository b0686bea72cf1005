"""X (Twitter): posts of the v1.1 streams and archives, and of the v2 streams; their control messages.

Fields: see message.py.
"""

from datetime import datetime

from formats import lenient
from formats.hashtags import extract
from formats.parsed import MISSING_CREATED_AT, MISSING_ID, MISSING_TEXT, UNKNOWN_SHAPE, Parsed, Rejected
from formats.values import epoch_us, iso_us, language
from formats.x import control
from formats.x.message import Content, Message, Post2, decoder

SOURCE = "x"

# Since the first "snowflake" id, of 2010-11-04, ids carry their time.
_FIRST_SNOWFLAKE = 29_700_859_247
_SNOWFLAKE_EPOCH_MS = 1_288_834_974_657
_MAX_ID_DIGITS = 19
_MONTHS = {
    name: n
    for n, name in enumerate(["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"], 1)
}


def parse(raw: bytes) -> Parsed:
    """One line of X as a post or a control message.

    Raises:
        Rejected: it is neither.
    """
    message = lenient.decode(decoder, raw)
    known = _identify(message)
    if known is None:
        kind, about = control.kind_and_about(message)
        return Parsed("control", SOURCE, term=kind, about=about)
    post_id, created_at_us = known
    own, is_repost, repeated = _sides(message)
    lang = language(own.lang)
    text, hashtags = _content(own)
    if not is_repost:
        return Parsed("post", SOURCE, post_id, created_at_us, lang, text, hashtags)
    whole, tags = _content(repeated) if repeated is not None and _text(repeated) is not None else (text, hashtags)
    return Parsed("post", SOURCE, post_id, created_at_us, lang, whole, tags, True, own_text=text, own_hashtags=hashtags)


def post_id(raw: bytes) -> str | None:
    """The id that `parse` gives the post, at less cost; None if it is not a post."""
    try:
        known = _identify(lenient.decode(decoder, raw))
    except Rejected:
        return None
    return None if known is None else known[0]


def _identify(message: Message) -> tuple[str, int] | None:
    """Identity and event time of a post; None for a control message. The only place that decides what is a post."""
    post = message.data
    if post is not None:
        history = post.edit_history_tweet_ids
        number = _digits(history[0] if history else None) or _digits(post.id)
        latest = _digits(post.id) or number
        return _checked(number, iso_us(post.created_at), latest, post)
    number = _digits(message.id_str) or _digits(str(message.id or ""))
    if number is None and control.is_control(message):
        return None
    created_at_us = _timestamp_us(message.timestamp_ms)
    if created_at_us is None:
        created_at_us = _created_at_us(message.created_at)
    return _checked(number, created_at_us, number, message)


def _checked(number: str | None, created_at_us: int | None, latest: str | None, content: Content) -> tuple[str, int]:
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


def _text(content: Content) -> str | None:
    long = content.extended_tweet or content.note_tweet
    if long is not None:
        whole = long.full_text if long.full_text is not None else long.text
        if whole is not None:
            return whole
    return content.full_text if content.full_text is not None else content.text


def _content(content: Content) -> tuple[str, tuple[str, ...]]:
    """Text and hashtags: the network's own entities of the longest form; without entities, by twitter-text's rules."""
    text = _text(content) or ""
    long = content.extended_tweet or content.note_tweet
    entities = long.entities if long is not None and long.entities is not None else content.entities
    if entities is None:
        return text, tuple(extract(text))
    if not entities.hashtags:
        return text, ()
    return text, tuple([tag for each in entities.hashtags if (tag := each.tag if each.text is None else each.text)])


def _sides(message: Message) -> tuple[Message | Post2, bool, Content | None]:
    """The post itself, whether it is a repost, and the repeated post if it was included."""
    post = message.data
    if post is None:
        return message, message.retweeted_status is not None, message.retweeted_status
    repeated = {each.id for each in post.referenced_tweets or () if each.type == "retweeted"}
    if not repeated:
        return post, False, None
    included = message.includes.tweets if message.includes is not None else None
    return post, True, next((each for each in included or () if each.id in repeated), None)


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
        return iso_us(created_at)
    return epoch_us(moment)


def _snowflake_us(digits: str) -> int | None:
    number = int(digits)
    return ((number >> 22) + _SNOWFLAKE_EPOCH_MS) * 1000 if number >= _FIRST_SNOWFLAKE else None
