"""Mastodon's events, where the recorded ones have no such case."""

import json
import time
from typing import Any

import pytest

from formats import describe, parse, post_key
from formats.markup import text_of
from formats.parsed import Parsed

STATUS = {"uri": "u", "created_at": "2026-01-01T00:00:00.000Z", "language": "EN", "account": {}, "content": "<p>a</p>"}


def status(**fields: Any) -> Parsed:
    return parse("mastodon", json.dumps(STATUS | fields).encode())


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>one<br />two<br>three</p><p>four</p>", "one\ntwo\nthree\nfour"),
        ('<p>see <a href="h" title="a > b">#<span>tag</span></a>!</p>', "see #tag!"),
        ("<ul><li>a</li><li>b</li></ul>c", "a\nb\nc"),
        ("a &lt;b&gt; &amp;amp; it&#39;s", "a <b> &amp; it's"),
        ("1 < 2 > 1", "1 < 2 > 1"),
        ("", ""),
    ],
)
def test_a_text_is_what_people_see(html: str, text: str) -> None:
    assert text_of(html) == text
    assert status(content=html).text == text


@pytest.mark.parametrize("piece", ["<a ", '<a "', "<!--", "<a b='", "</", "<", "&", "&#", "<a/", " ", "\n "])
def test_a_hostile_megabyte_takes_no_more_than_seconds(piece: str) -> None:
    started = time.process_time()
    text_of("<" + piece * (1_000_000 // len(piece)))
    assert time.process_time() - started < 20  # quadratic would be hours


@pytest.mark.parametrize(("length", "kind"), [(3000, "post"), (3001, "dead")])
def test_an_id_too_long_for_a_key_counts_as_missing(length: int, kind: str) -> None:
    assert status(uri="u" * length).kind == kind
    event = {"did": "d" * (length - 1), "time_us": 1_767_225_600_000_000, "kind": "commit"}
    record = {"text": "a", "createdAt": "2026-01-01T00:00:00Z"}
    event["commit"] = {"operation": "create", "collection": "app.bsky.feed.post", "rkey": "k", "record": record}
    assert parse("jetstream", json.dumps(event).encode()).kind == kind


def test_tags_are_the_servers_own() -> None:
    assert status(content="#a", tags=[{"name": "b"}, {"name": ""}, {"name": "ç"}]).hashtags == ("b", "ç")
    assert status(content="#a").hashtags == ()


def test_a_reblog_has_the_whole_of_what_it_repeats_and_its_own_beside() -> None:
    parsed = status(content="", tags=[], reblog={"content": "<p>whole</p>", "tags": [{"name": "b"}]})
    assert (parsed.text, parsed.hashtags, parsed.is_repost) == ("whole", ("b",), True)
    assert (parsed.own_text, parsed.own_hashtags) == ("", ())


@pytest.mark.parametrize(
    ("raw", "kind", "term", "about"),
    [
        (b"event: delete\r\ndata: 17", "control", "delete", "17"),
        (b'{"event": "delete", "payload": "17"}', "control", "delete", "17"),
        (b'{"event": "filters_changed"}', "control", "filters_changed", ""),
        (b":thump", "control", "keep_alive", ""),
        (b"event: upd", "dead", "unknown shape", ""),
        (b'event: update\ndata: {"uri": "u', "dead", "truncated or invalid JSON", ""),
        (b"event: update\ndata: \xff", "dead", "invalid UTF-8", ""),
        (b"plain words", "dead", "unknown shape", ""),
    ],
)
def test_what_is_no_post_is_control_or_dead(raw: bytes, kind: str, term: str, about: str) -> None:
    parsed = parse("mastodon", raw)
    assert (parsed.kind, parsed.term, parsed.about) == (kind, term, about)


def test_an_edit_is_the_same_post() -> None:
    written = json.dumps(STATUS)
    for raw in (f"event: status.update\ndata: {written}", json.dumps({"event": "status.update", "payload": written})):
        assert parse("mastodon", raw.encode()) == status()
        assert post_key("mastodon", raw.encode()) == status().post_id


def test_data_may_take_several_lines() -> None:
    raw = "event: update\n" + "\n".join(f"data: {line}" for line in json.dumps(STATUS, indent=1).split("\n"))
    assert parse("mastodon", raw.encode()) == status()


def test_lines_of_data_are_joined_by_a_line_feed() -> None:
    assert parse("mastodon", b'event: update\ndata: {"n": 1\ndata: 2}').term == "truncated or invalid JSON"


@pytest.mark.parametrize("field", ["uri", "created_at", "content"])
def test_a_post_needs_a_uri_a_time_and_a_text(field: str) -> None:
    name = {"uri": "id", "content": "text"}.get(field, field)
    assert status(**{field: None}).term == f"missing {name}"


def test_an_author_without_a_display_name_is_called_by_the_user_name() -> None:
    raw = STATUS | {"account": {"display_name": " ", "username": "ann", "acct": "ann@there", "followers_count": 3}}
    details = describe("mastodon", json.dumps(raw).encode())
    assert details is not None
    assert (details.author.name, details.author.handle, details.author.followers) == ("ann", "ann@there", 3)
