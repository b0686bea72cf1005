"""Every recorded event is accounted for: what it is, and its hashtags as its own entities say them.

What is expected is read from the files by plain `json`; nothing of the formats is used for it.
"""

import json
import re
from collections import Counter
from typing import Any

import pytest

from formats import describe, parse, post_key
from tests.formats.recorded import recorded

pytestmark = pytest.mark.recorded

POSTS_OF_BLUESKY = "app.bsky.feed.post"


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in recorded(name).read_text().splitlines()]


def x_tags(status: dict[str, Any]) -> tuple[str, ...]:
    entities = (status.get("extended_tweet") or {}).get("entities") or status["entities"]
    return tuple(each["text"] for each in entities["hashtags"])


@pytest.mark.parametrize(
    ("name", "number", "reposts", "tags"),
    [("x_v1/tweet_parser_examples.jsonl", 25, 3, 4), ("x_v1/tweet_updates.jsonl", 32, 6, 3)],
)
@pytest.mark.parametrize("dialect", ["x", None])
def test_every_post_of_x_counts_as_its_entities_say(
    name: str, number: int, reposts: int, tags: int, dialect: str | None
) -> None:
    seen: Counter[str] = Counter()
    for line in lines(name):
        status = line.get("tweet", line)
        original = status.get("retweeted_status")
        parsed = parse(dialect, json.dumps(status).encode())
        assert (parsed.kind, parsed.source, parsed.post_id) == ("post", "x", f"x:{status['id_str']}")
        assert parsed.hashtags == x_tags(original or status)
        assert parsed.is_repost == (original is not None)
        assert parsed.own_hashtags == (None if original is None else x_tags(status))
        seen.update(posts=1, reposts=int(parsed.is_repost), tags=len(parsed.hashtags))
    assert seen == {"posts": number, "reposts": reposts, "tags": tags}


def test_every_broken_post_of_x_counts_as_its_entities_say() -> None:
    files = sorted(recorded("x_v1/broken").glob("*.json"))
    assert len(files) == 4
    for file in files:
        status = json.loads(file.read_text())
        parsed = parse(None, file.read_bytes())
        assert (parsed.kind, parsed.post_id) == ("post", f"x:{status['id_str']}")
        assert parsed.hashtags == x_tags(status.get("retweeted_status") or status)


ABOUT = {
    "delete": "x:1234",
    "scrub_geo": "user=14090452 up_to=x:23260136625",
    "limit": "track=1234",
    "status_withheld": "x:1234567890 countries=DE,AR",
    "user_withheld": "user=123456 countries=DE,AR",
    "disconnect": "code=4",
    "warning": (
        "code=FALLING_BEHIND percent_full=60 message=Your connection is falling behind and messages are being queued "
        "for delivery to you. Your queue is now over 60% full. You will be disconnected when the queu"
    ),
    "operational-disconnect": (
        "disconnect_type=UpstreamOperationalDisconnect "
        "detail=This stream has been disconnected upstream for operational reasons."
    ),
    "ConnectionException": (
        "connection_issue=TooManyConnections detail=This stream is currently at the maximum allowed connection limit."
    ),
}


def test_every_control_message_of_x_says_what_it_is_and_about_what() -> None:
    found = {}
    for case in lines("x_v1/control_messages.jsonl"):
        parsed = parse(None, json.dumps(case["message"]).encode())
        assert (parsed.kind, parsed.source, parsed.term) == ("control", "x", case["kind"])
        found[parsed.term] = parsed.about
    assert found == ABOUT


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "jetstream/events.jsonl",
            {"post": 17, "like": 105, "repost": 15, "follow": 6, "delete_follow": 3, "status": 2, "block": 1}
            | {"delete": 1, "identity": 1, "account": 1, "tags": 4},
        ),
        (
            "jetstream/golden.jsonl",
            {"post": 1, "like": 1, "repost": 1, "follow": 1, "profile": 1, "delete_activity": 1, "origin": 1}
            | {"identity": 1, "account": 1, "block": 1},
        ),
    ],
)
@pytest.mark.parametrize("dialect", ["jetstream", None])
def test_every_event_of_jetstream_is_a_post_or_a_control_message(
    name: str, expected: dict[str, int], dialect: str | None
) -> None:
    seen: Counter[str] = Counter()
    for raw in recorded(name).read_bytes().splitlines():
        event = json.loads(raw)
        commit = event.get("commit", {})
        parsed = parse(dialect, raw)
        assert parsed.source == "jetstream"
        if commit.get("collection") != POSTS_OF_BLUESKY or commit["operation"] == "delete":
            assert parsed.kind == "control"
            assert post_key(dialect, raw) is None
            assert parsed.about
            seen[parsed.term] += 1
            continue
        record = commit["record"]
        features = [each for facet in record.get("facets", []) for each in facet["features"]]
        assert parsed.kind == "post"
        assert parsed.post_id == post_key(dialect, raw) == f"jetstream:{event['did']}/{commit['rkey']}"
        assert parsed.hashtags == tuple(each["tag"] for each in features if each["$type"].endswith("#tag"))
        assert (parsed.text, parsed.is_repost) == (record["text"], False)
        assert parsed.lang == (record.get("langs") or ["und"])[0].lower()
        seen.update(post=1, tags=len(parsed.hashtags))
    assert +seen == expected
    assert sum(seen.values()) - seen["tags"] == len(lines(name))


def server_sent(name: str) -> list[tuple[str, str]]:
    """Event and data of a recording; lines that are only a server's sign of life are left out."""
    return re.findall(r"^event: (.+)\ndata: (.+)$", recorded(name).read_text(), re.MULTILINE)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("test_stream_direct_6", {"conversation": 1}),
        ("test_stream_healthy_2", {}),
        ("test_stream_user_direct_11", {"conversation": 2}),
        ("test_stream_user_direct_12", {"post": 3, "notification": 2, "delete": 1}),
        ("test_stream_user_local_5", {"post": 1}),
    ],
)
@pytest.mark.parametrize("dialect", ["mastodon", None])
@pytest.mark.parametrize("form", ["server-sent", "envelope", "status"])
def test_every_event_of_mastodon_is_a_post_or_a_control_message(
    name: str, expected: dict[str, int], dialect: str | None, form: str
) -> None:
    seen: Counter[str] = Counter()
    for event, data in server_sent(f"mastodon/{name}.sse"):
        raw = f"event: {event}\ndata: {data}".encode()
        if form == "envelope":
            raw = json.dumps({"stream": ["public"], "event": event, "payload": data}).encode()
        elif form == "status" and event in ("update", "status.update"):
            raw = data.encode()
        parsed = parse(dialect, raw)
        assert parsed.source == "mastodon"
        if event not in ("update", "status.update"):
            assert (parsed.kind, parsed.term) == ("control", event)
            assert parsed.about
            seen[event] += 1
            continue
        status = json.loads(data)
        assert parsed.kind == "post"
        assert parsed.post_id == post_key(dialect, raw) == f"mastodon:{status['uri']}"
        assert parsed.hashtags == tuple(each["name"] for each in status["tags"])
        assert parsed.lang == status["language"]
        assert "<" not in parsed.text
        details = describe(dialect, raw)
        assert details is not None
        assert details.author.followers == status["account"]["followers_count"]
        seen["post"] += 1
    assert seen == expected
