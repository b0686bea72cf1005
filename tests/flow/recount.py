"""A recount in plain Python: records of the topic → what every count must be.

It shares no code with the jobs and follows docs/contracts.md alone: json, unicodedata, re, and a dictionary. It holds
every identity in memory, and takes no horizon: a repeat counts once however late it comes. What a record is `reading`
says; the settings are the defaults, `retweets=full` and `words=plain`.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from tests.flow.reading.found import NotAPostError, Post, from_us
from tests.flow.reading.records import TopicRecord, read

Key = tuple[str, datetime, str, str, str]
"""metric, bucket, source, lang, term"""
Said = tuple[datetime, str, str, str]
"""bucket, source, kind, about: a row of control_message, over all arrivals"""

NOWHERE = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST = datetime(2006, 1, 1, tzinfo=UTC)
TERM_LENGTH = 100
LOOKED_AT = 1000
BIDI_CONTROLS = {0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}
SAY_A_GAP = ("limit", "disconnect", "operational-disconnect", "ConnectionException")


@dataclass
class Recount:
    """What the books and the counts must say.

    Attributes:
        counts: of posts, hashtags, spellings and words: [posts, of which reposts].
        said: control messages.
        dead: place → reason.
        gaps: the notes, decoded.
        duplicates: records whose identity was there before.
        posts: posts, each once.
    """

    counts: dict[Key, list[int]] = field(default_factory=dict)
    said: Counter[Said] = field(default_factory=Counter)
    dead: dict[str, str] = field(default_factory=dict)
    gaps: list[dict[str, Any]] = field(default_factory=list)
    duplicates: int = 0
    posts: int = 0

    @property
    def control(self) -> int:
        """Control messages, each once."""
        return self.said.total()

    def said_gaps(self) -> set[tuple[str, datetime | None, str]]:
        """What of them says a gap: source, minute (None where the time is implausible), why."""
        return {
            (source, None if minute == NOWHERE else minute, f"{kind}: {about}" if about else kind)
            for minute, source, kind, about in self.said
            if kind in SAY_A_GAP
        }

    def add(self, key: Key, reposts: int = 0) -> None:
        """One more post of this key."""
        pair = self.counts.setdefault(key, [0, 0])
        pair[0] += 1
        pair[1] += reposts


def recount(records: Iterable[TopicRecord]) -> Recount:
    """Count records given in the order of each partition's offsets: the first of an identity is the one that counts."""
    result = Recount()
    seen: set[tuple[bool, str]] = set()
    for record in records:
        own_key = record.key.decode() if record.key and "collector" in record.headers else record.place
        try:
            post = read(record)
        except NotAPostError as other:
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


def _count_other(result: Recount, record: TopicRecord, other: NotAPostError) -> None:
    if other.kind == "dead":
        result.dead[record.place] = other.detail
    elif other.kind == "gap":
        result.gaps.append(other.detail)
    else:
        minute = _bucket(_received_at(record), record.processed_at, hour=False)
        result.said[minute, other.source, other.detail, other.about] += 1


def _count_post(result: Recount, record: TopicRecord, post: Post) -> None:
    created_at = post.created_at or _received_at(record)
    minute = _bucket(created_at, record.processed_at, hour=False)
    hour = _bucket(created_at, record.processed_at, hour=True)
    repost = int(post.is_repost)
    result.posts += 1
    result.add(("post", minute, post.source, post.lang, ""), repost)
    spellings = {(identity_of_term(each), spelling_of_tag(each)) for each in post.hashtags}
    for tag in {identity for identity, _ in spellings} - {""}:
        result.add(("hashtag", minute, post.source, post.lang, tag), repost)
    for tag, spelling in spellings:
        if tag:
            result.add(("spelling", hour, post.source, post.lang, f"{tag}\t{spelling}"), repost)
    for word in {identity_of_term(each) for each in post.text.split()} - {""}:
        result.add(("word", hour, post.source, post.lang, word), repost)


@cache
def identity_of_term(term: str) -> str:
    """Without control and bidirectional characters; NFKC, full case folding, NFKC; at most 100 code points."""
    clean = _shown(term)
    return _cut(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", clean).casefold()))


@cache
def spelling_of_tag(tag: str) -> str:
    """As it was written, without control and bidirectional characters; as long as an identity."""
    return _cut(_shown(tag))


def _shown(text: str) -> str:
    kept = [each for each in text[:LOOKED_AT] if unicodedata.category(each) != "Cc" and ord(each) not in BIDI_CONTROLS]
    return "".join(kept)


def _cut(text: str) -> str:
    return text if len(text) <= TERM_LENGTH else text[:TERM_LENGTH] + "…"


def _bucket(created_at: datetime, processed_at: datetime, *, hour: bool) -> datetime:
    if created_at < EARLIEST or created_at > processed_at + timedelta(minutes=10):
        return NOWHERE
    cut = created_at.replace(second=0, microsecond=0)
    return cut.replace(minute=0) if hour else cut


def _received_at(record: TopicRecord) -> datetime:
    milliseconds = int(record.headers.get("received_at", b"") or record.timestamp_ms)
    return from_us(milliseconds * 1000)
