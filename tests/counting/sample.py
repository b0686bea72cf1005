"""Records for the count stage's tests: a seeded mixture of all that a topic can hold."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

START_MS = 1_735_689_600_000  # 2025-01-01
TAGS = ["Karneval", "karneval", "Straße", "STRASSE", "東京", "Москва", "emoji👍", "ﬁt", "i", "İstanbul", "ＴＯＫＹＯ"]
WORDS = ["the", "The", "ein", "Größe", "日本", "x" * 150, "naïve", "e\u0301te", "nul\u0000", "👨‍👩‍👧", "ﬁn"]


DEAD = [
    b"",
    b" ",
    b"null",
    b"[1]",
    b'{"id": 1',
    b"{\xff}",
    b'{"text": "no id"}',
    b'{"a": 1}',
    b'{"id": 9, "text": "old"}',
]
GAP = b'{"hashtide": {"gap": {"source": "file:a", "from": "1", "to": "2", "why": "' + b"long " * 40 + b'"}}}'


class Sent(NamedTuple):
    """One record as it goes into the topic."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


def records(seed: int, posts: int) -> Iterator[Sent]:
    """A mixture of v1.1, v2, text, retweets, duplicates, control messages and dead lines."""
    chance = random.Random(seed)  # noqa: S311
    line = 0
    for n in range(posts):
        made = _record(chance, n)
        for _ in range(2 if chance.random() < 0.05 else 1):
            line += 1
            key = made[0] or f"line:test:{line}"
            headers = [("received_at", str(START_MS + line * 10).encode()), ("collector", b"test")]
            if made[2]:
                headers.append(("dialect", made[2].encode()))
            yield Sent(key.encode(), made[1], headers)


def _record(chance: random.Random, n: int) -> tuple[str, bytes, str]:
    """Key (empty where there is none), value, dialect."""
    kind = chance.random()
    tags = [TAGS[min(int(chance.paretovariate(1)) - 1, len(TAGS) - 1)] + str(n % 7) for _ in range(chance.randrange(4))]
    text = " ".join([*(f"#{tag}" for tag in tags), *chance.choices(WORDS, k=chance.randrange(1, 9))])
    when = datetime.fromtimestamp((START_MS + n * 400) / 1000, UTC)
    lang = chance.choice(["en", "DE", "ja", None, "not a language"])
    post_id = str(1_800_000_000_000_000_000 + n)
    if kind < 0.02:
        return "", chance.choice(DEAD), "x"
    if kind < 0.06:
        return "", json.dumps({"delete": {"status": {"id": n, "id_str": str(n)}}}).encode(), "x"
    if kind < 0.061:
        return "", GAP, "hashtide"
    if kind < 0.16:
        return "", " ".join(WORDS[: n % 5 + 1]).encode(), "text"
    if kind < 0.4:
        data: dict[str, Any] = {
            "id": post_id,
            "edit_history_tweet_ids": [post_id],
            "created_at": when.isoformat(),
            "text": text,
        }
        data |= {"lang": lang, "entities": {"hashtags": [{"tag": tag} for tag in tags]}}
        return f"x:{post_id}", json.dumps({"data": data}).encode(), "x"
    post: dict[str, Any] = {
        "id": int(post_id),
        "id_str": post_id,
        "text": text,
        "lang": lang,
        "created_at": when.strftime("%a %b %d %H:%M:%S +0000 %Y"),
        "timestamp_ms": str(int(when.timestamp() * 1000)),
        "entities": {"hashtags": [{"text": tag} for tag in tags]},
        "user": {"id": 7, "name": "nobody"},
    }
    if kind > 0.8:
        cut = {"id_str": "1", "text": text[:10], "extended_tweet": {"full_text": text, "entities": post["entities"]}}
        post |= {"retweeted_status": cut, "text": "RT @a: " + text[:20], "entities": {"hashtags": []}}
    return f"x:{post_id}", json.dumps(post).encode(), chance.choice(["x", ""])
