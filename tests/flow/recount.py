"""A recount in plain Python: records of the topic → what every count must be.

It shares no code with the jobs and follows docs/contracts.md alone: json, unicodedata, re, and a dictionary. It knows
X and plain text, holds every identity in memory, and takes no horizon: a repeat counts once however late it comes.
"""

import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Key = tuple[str, datetime, str, str, str]
"""metric, bucket, source, lang, term"""

NOWHERE = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST = datetime(2006, 1, 1, tzinfo=UTC)
CONTROL_KINDS = ("delete", "scrub_geo", "limit", "status_withheld", "user_withheld", "disconnect", "warning")
TERM_LENGTH = 100
# Snowflake ids: milliseconds since 2010-11-04T01:42:54.657Z in the bits above the 22nd.
SNOWFLAKE_EPOCH_MS = 1288834974657
FIRST_SNOWFLAKE = 29700859247


@dataclass(frozen=True)
class TopicRecord:
    """One record of the topic, and when the batch that read it began."""

    place: str
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]
    timestamp_ms: int
    processed_at: datetime


@dataclass
class Recount:
    """What the books and the counts must say.

    Attributes:
        counts: of posts, hashtags, words and control messages: [posts, of which reposts].
        dead: place → reason.
        gaps: the notes, decoded.
        duplicates: records whose identity was there before.
        posts: posts, each once.
        control: control messages, each once.
    """

    counts: dict[Key, list[int]] = field(default_factory=dict)
    dead: dict[str, str] = field(default_factory=dict)
    gaps: list[dict[str, Any]] = field(default_factory=list)
    duplicates: int = 0
    posts: int = 0
    control: int = 0

    def add(self, key: Key, reposts: int = 0) -> None:
        """One more post of this key."""
        pair = self.counts.setdefault(key, [0, 0])
        pair[0] += 1
        pair[1] += reposts


@dataclass(frozen=True)
class _Post:
    identity: str | None
    created_at: datetime | None
    source: str
    lang: str
    text: str
    hashtags: list[str]
    is_repost: bool


class _NotAPostError(Exception):
    """What the record is instead: dead and why, control and its kind, gap and the note."""

    def __init__(self, kind: str, detail: Any, source: str = "") -> None:
        super().__init__(kind)
        self.kind, self.detail, self.source = kind, detail, source


def recount(records: Iterable[TopicRecord]) -> Recount:
    """Count records given in the order of each partition's offsets: the first of an identity is the one that counts."""
    result = Recount()
    seen: set[tuple[bool, str]] = set()
    for record in records:
        own_key = record.key.decode() if record.key and "collector" in record.headers else record.place
        try:
            post = _parse(record)
        except _NotAPostError as other:
            if (False, own_key) in seen:
                result.duplicates += 1
            else:
                seen.add((False, own_key))
                _count_other(result, record, other)
            continue
        identity = (True, post.identity or own_key)
        if identity in seen:
            result.duplicates += 1
            continue
        seen.add(identity)
        _count_post(result, record, post)
    return result


def _count_other(result: Recount, record: TopicRecord, other: _NotAPostError) -> None:
    if other.kind == "dead":
        result.dead[record.place] = other.detail
    elif other.kind == "gap":
        result.gaps.append(other.detail)
    else:
        minute = _bucket(_received_at(record), record.processed_at, hour=False)
        result.control += 1
        result.add(("control", minute, other.source, "und", other.detail))


def _count_post(result: Recount, record: TopicRecord, post: _Post) -> None:
    created_at = post.created_at or _received_at(record)
    minute = _bucket(created_at, record.processed_at, hour=False)
    hour = _bucket(created_at, record.processed_at, hour=True)
    repost = int(post.is_repost)
    result.posts += 1
    result.add(("post", minute, post.source, post.lang, ""), repost)
    for tag in {identity_of_term(each) for each in post.hashtags} - {""}:
        result.add(("hashtag", minute, post.source, post.lang, tag), repost)
    for word in {identity_of_term(each) for each in post.text.split()} - {""}:
        result.add(("word", hour, post.source, post.lang, word), repost)


def identity_of_term(term: str) -> str:
    """NFKC, full case folding, NFKC; without control characters; at most 100 code points and an ellipsis."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", term).casefold())
    clean = "".join(character for character in folded if unicodedata.category(character) != "Cc")
    return clean if len(clean) <= TERM_LENGTH else clean[:TERM_LENGTH] + "…"


def _bucket(created_at: datetime, processed_at: datetime, *, hour: bool) -> datetime:
    if created_at < EARLIEST or created_at > processed_at + timedelta(minutes=10):
        return NOWHERE
    cut = created_at.replace(second=0, microsecond=0)
    return cut.replace(minute=0) if hour else cut


def _received_at(record: TopicRecord) -> datetime:
    milliseconds = int(record.headers.get("received_at", b"") or record.timestamp_ms)
    return _from_ms(milliseconds)


def _from_ms(milliseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


def _parse(record: TopicRecord) -> _Post:
    header = record.headers.get("dialect", b"").decode() or None
    value = record.value
    if value is None:
        raise _NotAPostError("dead", "no value")
    if not value.strip():
        raise _NotAPostError("control", "keep_alive", header if header in ("x", "text", "hashtide") else "unknown")
    dialect = header or _shape(value)
    if dialect not in ("x", "text", "hashtide"):
        raise _NotAPostError("dead", "unknown dialect")
    try:
        text = value.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _NotAPostError("dead", "invalid UTF-8") from None
    if dialect == "text":
        return _Post(None, None, "text", "und", text, hashtags_of_text(text), is_repost=False)
    message = _json_object(text)
    if dialect == "hashtide":
        gap = _dict(_dict(message, "hashtide"), "gap")
        if not gap:
            raise _NotAPostError("dead", "unknown shape")
        raise _NotAPostError("gap", gap)
    return _post_of_v2(message) if _dict(message, "data") is not None else _post_of_v1(message)


def _shape(value: bytes) -> str:
    bare = value.removeprefix(b"\xef\xbb\xbf").strip()
    if bare[:1] not in (b"{", b"[") and bare not in (b"null", b"true", b"false"):
        return "text"
    return "hashtide" if re.match(rb'\{\s*"hashtide"\s*:', bare) else "x"


def _json_object(text: str) -> dict[str, Any]:
    try:
        message = json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise _NotAPostError("dead", "JSON nested too deeply") from None
    except ValueError:
        raise _NotAPostError("dead", "truncated or invalid JSON") from None
    if not isinstance(message, dict):
        raise _NotAPostError("dead", "not a JSON object")
    return message


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _post_of_v1(message: dict[str, Any]) -> _Post:
    number = _id(_str(message, "id_str")) or _id(_int_text(message.get("id")))
    if number is None:
        _raise_if_control(message)
    created_at = _ms(message.get("timestamp_ms")) or _time(_str(message, "created_at"))
    original = _dict(message, "retweeted_status")
    return _post(message, original, number, created_at, original is not None, message)


def _post_of_v2(message: dict[str, Any]) -> _Post:
    data = message["data"]
    history = [each for each in _list(data, "edit_history_tweet_ids") if isinstance(each, str)]
    number = (_id(history[0]) if history else None) or _id(_str(data, "id"))
    references = [each for each in _list(data, "referenced_tweets") if isinstance(each, dict)]
    repeated = {each.get("id") for each in references if each.get("type") == "retweeted"}
    included = _list(_dict(message, "includes") or {}, "tweets")
    original = next((each for each in included if isinstance(each, dict) and each.get("id") in repeated), None)
    return _post(data, original, number, _time(_str(data, "created_at")), bool(repeated), data)


def _post(
    own: dict[str, Any],
    original: dict[str, Any] | None,
    number: str | None,
    created_at: datetime | None,
    is_repost: bool,
    named: dict[str, Any],
) -> _Post:
    if number is None:
        raise _NotAPostError("dead", "missing id" if _text(own) is not None else "unknown shape")
    created_at = created_at or _time_of_id(_id(_str(named, "id")) or number)
    if created_at is None:
        raise _NotAPostError("dead", "missing created_at")
    if _text(own) is None:
        raise _NotAPostError("dead", "missing text")
    full = original if original is not None and _text(original) is not None else own
    lang = (_str(own, "lang") or "und").lower()
    if len(lang) > 35 or not re.fullmatch(r"[a-z]{2,3}(-[a-z0-9]{2,8})*", lang):
        lang = "und"
    return _Post(f"x:{number}", created_at, "x", lang, _text(full) or "", _hashtags(full), is_repost)


def _raise_if_control(message: dict[str, Any]) -> None:
    for kind in CONTROL_KINDS:
        if message.get(kind) is not None:
            raise _NotAPostError("control", kind, "x")
    errors = [each for each in _list(message, "errors") if isinstance(each, dict)]
    if errors or "connection_issue" in message:
        titles = [_str(message, "title"), *(_str(each, "title") for each in errors)]
        raise _NotAPostError("control", next((title for title in titles if title), "error"), "x")


def _long(content: dict[str, Any]) -> dict[str, Any]:
    return _dict(content, "extended_tweet") or _dict(content, "note_tweet") or {}


def _text(content: dict[str, Any]) -> str | None:
    long = _long(content)
    candidates = (_str(long, "full_text"), _str(long, "text"), _str(content, "full_text"), _str(content, "text"))
    return next((text for text in candidates if text is not None), None)


def _hashtags(content: dict[str, Any]) -> list[str]:
    entities = _dict(_long(content), "entities")
    if entities is None:
        entities = _dict(content, "entities")
    if entities is None:
        return hashtags_of_text(_text(content) or "")
    tags = [each for each in _list(entities, "hashtags") if isinstance(each, dict)]
    return [_str(each, "text") or _str(each, "tag") or "" for each in tags]


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


def _whole(text: str) -> str:
    """An escaped lone surrogate is U+FFFD."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def _str(parent: dict[str, Any] | None, name: str) -> str | None:
    value = (parent or {}).get(name)
    return _whole(value) if isinstance(value, str) else None


def _dict(parent: dict[str, Any] | None, name: str) -> dict[str, Any] | None:
    value = (parent or {}).get(name)
    return value if isinstance(value, dict) else None


def _list(parent: dict[str, Any], name: str) -> list[Any]:
    value = parent.get(name)
    return value if isinstance(value, list) else []


def _int_text(value: object) -> str | None:
    return str(value) if type(value) is int else None


def _id(text: str | None) -> str | None:
    return text if text and re.fullmatch(r"[1-9][0-9]{0,18}", text) else None


def _ms(value: object) -> datetime | None:
    digits = _id(value if isinstance(value, str) else _int_text(value))
    return _from_ms(int(digits)) if digits and len(digits) <= 14 else None


def _time(text: str | None) -> datetime | None:
    for pattern in ("%a %b %d %H:%M:%S %z %Y", "%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%dT%H:%M:%S%z"):
        try:
            return datetime.strptime(text or "", pattern).astimezone(UTC)
        except ValueError:
            continue
    return None


def _time_of_id(number: str) -> datetime | None:
    return _from_ms((int(number) >> 22) + SNOWFLAKE_EPOCH_MS) if int(number) >= FIRST_SNOWFLAKE else None
