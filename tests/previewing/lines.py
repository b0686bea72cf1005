"""Lines for previews, and what a plain recount says of them."""

import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

from tests.counting.sample import records
from tests.flow.reading.records import TopicRecord
from tests.flow.recount import recount


def lines(seed: int, posts: int) -> list[bytes]:
    """Posts of the sample, one line each, without the records' keys and headers; JSON only: text lines repeat."""
    return [sent.value for sent in records(seed, posts) if sent.value.startswith(b"{") and b"\n" not in sent.value]


def tallied(sent: Iterable[bytes], metric: str = "hashtag") -> Counter[str]:
    """Posts by term, over all buckets, languages and sources."""
    now = datetime.now(UTC)
    found = recount(
        TopicRecord(f"lines[0]@{number}", None, value, {}, int(now.timestamp() * 1000), now)
        for number, value in enumerate(sent)
    )
    terms: Counter[str] = Counter()
    for (kind, _, _, _, term), (posts, _) in found.counts.items():
        if kind == metric:
            terms[term] += posts
    return terms


def author_line(post: int, user: int, name: str, friends: int, followers: int) -> bytes:
    """A v1.1 post with its author."""
    person = {"id_str": str(user), "name": name, "friends_count": friends, "followers_count": followers}
    stamp = str(1_767_225_600_000 + post * 1000)
    return json.dumps({"id_str": str(10**18 + post), "text": "hi", "timestamp_ms": stamp, "user": person}).encode()
