"""Bluesky's events, where the recorded ones have no such case."""

import json
from typing import Any

import pytest

from formats import parse
from formats.parsed import Parsed


def event(operation: str = "create", collection: str = "app.bsky.feed.post", **record: Any) -> Parsed:
    commit = {"operation": operation, "collection": collection, "rkey": "r", "record": record or None}
    return parse("jetstream", json.dumps({"did": "d", "time_us": 5, "kind": "commit", "commit": commit}).encode())


def test_tags_are_those_of_the_facets_then_those_beside_the_text_and_no_others() -> None:
    facets = [{"features": [{"tag": "Two words"}, {"uri": "u"}]}, {"features": [{"tag": "123"}]}]
    assert event(text="#a", facets=facets, tags=["beside"]).hashtags == ("Two words", "123", "beside")
    assert event(text="#a").hashtags == ()


def test_event_time_is_created_at_else_the_servers() -> None:
    assert event(text="a", createdAt="2026-01-01T00:00:00.000001Z").created_at_us == 1_767_225_600_000_001
    assert event(text="a", createdAt="never").created_at_us == 5


def test_an_update_is_the_same_post_and_a_delete_is_control() -> None:
    assert event("update", text="b").post_id == event(text="a").post_id == "jetstream:d/r"
    gone = event("delete")
    assert (gone.kind, gone.term, gone.about) == ("control", "delete", "jetstream:d/r")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'{"did": "d", "kind": "commit"}', "unknown shape"),
        (b'{"did": "d", "kind": "comm', "truncated or invalid JSON"),
    ],
)
def test_what_is_not_understood_is_dead(raw: bytes, reason: str) -> None:
    parsed = parse("jetstream", raw)
    assert (parsed.kind, parsed.term) == ("dead", reason)


def test_a_post_needs_a_text_and_a_name() -> None:
    assert event(createdAt="2026-01-01T00:00:00Z").term == "missing text"
    nameless = {"kind": "commit", "commit": {"operation": "create", "collection": "app.bsky.feed.post"}}
    nameless["commit"]["record"] = {"text": "a"}  # type: ignore[index]
    assert parse("jetstream", json.dumps(nameless).encode()).term == "missing id"
