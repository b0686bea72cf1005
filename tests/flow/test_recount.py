"""The recount itself, by hand-made records and by twitter-text's own cases: an oracle nobody checks is none."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from tests.flow.reading.records import TopicRecord
from tests.flow.reading.text import hashtags_of_text
from tests.flow.recount import Recount, identity_of_term, recount, spelling_of_tag
from tests.formats.recorded import recorded

PROCESSED_AT = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
MINUTE = datetime(2026, 1, 31, 11, 58, tzinfo=UTC)
HOUR = datetime(2026, 1, 31, 11, 0, tzinfo=UTC)


def v1(number: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "id_str": str(number),
        "created_at": "Sat Jan 31 11:58:30 +0000 2026",
        "lang": "en",
        "text": "hello",
        "entities": {"hashtags": []},
        **fields,
    }


def event(operation: str, collection: str, record: dict[str, Any] | None = None) -> dict[str, Any]:
    commit = {"operation": operation, "collection": collection, "rkey": "k", **({"record": record} if record else {})}
    return {"did": "did:a", "time_us": 1769860710000000, "kind": "commit", "commit": commit}


def records(*values: object, dialect: str | None = None) -> list[TopicRecord]:
    return [
        TopicRecord(
            f"posts[0]@{offset}",
            f"line:test:{offset}".encode(),
            value if isinstance(value, bytes) else json.dumps(value).encode(),
            {
                "collector": b"test",
                "received_at": b"1769860710000",
                **({"dialect": dialect.encode()} if dialect else {}),
            },
            0,
            PROCESSED_AT,
        )
        for offset, value in enumerate(values)
    ]


def counted(result: Recount, metric: str) -> dict[str, list[int]]:
    return {key[4]: pair for key, pair in result.counts.items() if key[0] == metric}


def test_a_post_counts_once_however_often_it_comes() -> None:
    result = recount(records(v1(1), v1(1, text="edited"), v1(2)))
    assert (result.posts, result.duplicates) == (2, 1)
    assert result.counts["post", MINUTE, "x", "en", ""] == [2, 0]
    assert result.counts["word", HOUR, "x", "en", "hello"] == [2, 0]
    assert counted(result, "word") == {"hello": [2, 0]}


def test_a_tag_twice_in_one_post_counts_once_in_its_folded_form() -> None:
    tags = {"hashtags": [{"text": "Straße"}, {"text": "STRASSE"}, {"text": "ＡＢ"}]}
    assert counted(recount(records(v1(entities=tags))), "hashtag") == {"strasse": [1, 0], "ab": [1, 0]}


def test_a_retweet_has_the_whole_text_and_tags_of_what_it_repeats() -> None:
    whole = {"full_text": "the whole #Long", "entities": {"hashtags": [{"text": "Long"}]}}
    original = v1(7, text="the …", extended_tweet=whole)
    result = recount(records(v1(8, text="RT @a: the …", retweeted_status=original)))
    assert counted(result, "hashtag") == {"long": [1, 1]}
    assert set(counted(result, "word")) == {"the", "whole", "#long"}


def test_v2_posts_are_known_by_the_first_of_their_edits() -> None:
    def post(number: str, **fields: Any) -> dict[str, Any]:
        return {"data": {"id": number, "text": "a", "created_at": "2026-01-31T11:58:00.000Z", **fields}}

    first, edit = post("10", edit_history_tweet_ids=["10"]), post("11", edit_history_tweet_ids=["10", "11"])
    repeated = post("12", referenced_tweets=[{"type": "retweeted", "id": "9"}])
    repeated["includes"] = {"tweets": [{"id": "9", "text": "b #c", "entities": {"hashtags": [{"tag": "c"}]}}]}
    result = recount(records(first, edit, repeated))
    assert (result.posts, result.duplicates) == (2, 1)
    assert counted(result, "hashtag") == {"c": [1, 1]}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b'{"id_str": "1"', "truncated or invalid JSON"),
        (b"null", "not a JSON object"),
        (b"[1]", "not a JSON object"),
        (b"caf\xe9", "invalid UTF-8"),
        (b'{"text": "no id"}', "missing id"),
        (b'{"id_str": "5", "text": "old, and no time"}', "missing created_at"),
        (b'{"id_str": "5", "created_at": "Sat Jan 31 11:58:30 +0000 2026"}', "missing text"),
        (b"{}", "unknown shape"),
        (b'{"a": NaN}', "truncated or invalid JSON"),
        (b'{"a": ' + b"[" * 100_000, "JSON nested too deeply"),
    ],
)
def test_what_is_not_understood_is_dead_at_its_place(value: bytes, reason: str) -> None:
    assert recount(records(value)).dead == {"posts[0]@0": reason}


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (b"", ("unknown", "keep_alive", "")),
        (b" ", ("unknown", "keep_alive", "")),
        ({"delete": {"status": {"id": 9, "id_str": "17"}}}, ("x", "delete", "x:17")),
        ({"limit": {"track": 1234}}, ("x", "limit", "track=1234")),
        ({"disconnect": {"code": 4, "stream_name": "", "reason": ""}}, ("x", "disconnect", "code=4")),
        (
            {"user_withheld": {"id": 3, "withheld_in_countries": ["DE", "AR"]}},
            ("x", "user_withheld", "user=3 countries=DE,AR"),
        ),
        ({"warning": {"code": "A", "message": "b" * 300}}, ("x", "warning", "code=A message=" + "b" * 185)),
        ({"errors": [{"title": "gone", "detail": "a\u0000b"}]}, ("x", "gone", "detail=ab")),
        (
            event("create", "app.bsky.feed.like", {"subject": {"uri": "at://did:b/app.bsky.feed.post/k"}}),
            ("jetstream", "like", "jetstream:did:b/k"),
        ),
        (event("create", "app.bsky.graph.follow", {"subject": "did:b"}), ("jetstream", "follow", "did:b")),
        (event("delete", "app.bsky.feed.post"), ("jetstream", "delete", "jetstream:did:a/k")),
        (event("delete", "app.bsky.feed.like"), ("jetstream", "delete_like", "at://did:a/app.bsky.feed.like/k")),
        (
            {"did": "did:a", "kind": "account", "account": {"active": True}},
            ("jetstream", "account", "did:a status=active"),
        ),
        ({"event": "delete", "payload": "17"}, ("mastodon", "delete", "17")),
        (b"event: delete\ndata: 17", ("mastodon", "delete", "17")),
        (
            {"event": "notification", "payload": json.dumps({"type": "favourite", "status": {"uri": "https://a/1"}})},
            ("mastodon", "notification", "favourite mastodon:https://a/1"),
        ),
    ],
)
def test_control_messages_are_counted_by_kind_and_subject(message: object, said: tuple[str, str, str]) -> None:
    result = recount(records(message))
    assert [key[1:] for key in result.said] == [said]
    assert (result.control, result.posts, result.dead) == (1, 0, {})


def test_limits_and_disconnects_are_gaps_too() -> None:
    result = recount(
        records({"limit": {"track": 2}}, {"errors": [{"title": "operational-disconnect"}]}, {"delete": {}})
    )
    assert result.said_gaps() == {("x", MINUTE, "limit: track=2"), ("x", MINUTE, "operational-disconnect")}
    assert result.gaps == []


def test_a_post_of_bluesky_has_the_tags_of_its_facets_and_those_beside_its_text() -> None:
    facets = [{"features": [{"tag": "Straße"}]}, {"features": [{"uri": "https://a/#b"}]}]
    record = {
        "text": "die #Straße",
        "createdAt": "2026-01-31T11:58:30.123Z",
        "langs": ["de", "en"],
        "facets": facets,
        "tags": ["STRASSE", "more"],
    }
    first, edit = event("create", "app.bsky.feed.post", record), event("update", "app.bsky.feed.post", record)
    result = recount(records(first, edit))
    assert (result.posts, result.duplicates) == (1, 1)
    assert result.counts["post", MINUTE, "jetstream", "de", ""] == [1, 0]
    assert counted(result, "hashtag") == {"strasse": [1, 0], "more": [1, 0]}
    assert counted(result, "spelling") == {"strasse\tStraße": [1, 0], "strasse\tSTRASSE": [1, 0], "more\tmore": [1, 0]}
    assert set(counted(result, "word")) == {"die", "#strasse"}


@pytest.mark.parametrize("form", ["envelope", "server-sent", "bare"])
def test_a_post_of_mastodon_is_one_however_many_servers_send_it(form: str) -> None:
    own = {"uri": "https://a/1", "created_at": "2026-01-31T11:58:30.123Z", "language": "en", "account": {}}
    status = {
        **own,
        "content": '<p>one<br />two &amp; <a href="https://a/t">#<span>Tag</span></a></p><p>three</p>',
        "tags": [{"name": "tag"}],
    }
    boost = {**own, "uri": "https://a/2", "language": None, "content": "", "reblog": status}

    def sent(name: str, what: dict[str, Any]) -> object:
        data = json.dumps(what)
        return {
            "envelope": {"event": name, "payload": data},
            "server-sent": f"event: {name}\ndata: {data}".encode(),
            "bare": what,
        }[form]

    result = recount(
        records(sent("update", status), sent("status.update", {**status, "id": "other"}), sent("update", boost))
    )
    assert (result.posts, result.duplicates, result.dead) == (2, 1, {})
    assert result.counts["post", MINUTE, "mastodon", "und", ""] == [1, 1]
    assert result.counts["hashtag", MINUTE, "mastodon", "en", "tag"] == [1, 0]
    assert set(counted(result, "word")) == {"one", "two", "&", "#tag", "three"}


def test_what_kafka_connect_brings_is_taken_out_of_its_envelope_once() -> None:
    post = v1(1)
    envelopes = [
        {"schema": None, "payload": post},
        {"schema": {"type": "string"}, "payload": json.dumps(post)},
        json.dumps(json.dumps(post)).encode(),
    ]
    result = recount(records(post, *envelopes))
    assert (result.posts, result.duplicates) == (1, 3)
    assert recount(records({"schema": None, "payload": None})).dead == {"posts[0]@0": "no value"}
    assert recount(records({"schema": None, "payload": post}, dialect="x")).dead == {"posts[0]@0": "unknown shape"}


def test_a_dead_line_does_not_hide_a_post_with_its_key() -> None:
    dead, post = records(b"[", b"text")
    post = TopicRecord(post.place, dead.key, post.value, post.headers, 0, PROCESSED_AT)
    result = recount([dead, post])
    assert (len(result.dead), result.posts, result.duplicates) == (1, 1, 0)


def test_text_happens_when_it_was_received() -> None:
    result = recount(records("one #Tag und #２".encode(), dialect="text"))
    assert result.counts["hashtag", MINUTE, "text", "und", "tag"] == [1, 0]
    assert len(counted(result, "hashtag")) == 1


@pytest.mark.parametrize("created_at", ["Sat Jan 31 12:10:01 +0000 2026", "Sat Dec 31 23:59:59 +0000 2005"])
def test_an_implausible_time_goes_to_its_own_bucket(created_at: str) -> None:
    assert counted(recount(records(v1(created_at=created_at))), "post")
    [key] = [key for key in recount(records(v1(created_at=created_at))).counts if key[0] == "post"]
    assert key[1] == datetime(1970, 1, 1, tzinfo=UTC)


def test_terms_lose_control_characters_and_length() -> None:
    assert identity_of_term("a\x00b\x7f") == "ab"
    assert identity_of_term("Ä" * 101) == "ä" * 100 + "…"
    assert identity_of_term("ä" * 100) == "ä" * 100
    assert identity_of_term("a\u202eb\u200d") == "ab\u200d"
    assert spelling_of_tag("Ta\x00g\u202e") == "Tag"
    assert spelling_of_tag("Ä" * 101) == "Ä" * 100 + "…"


@pytest.mark.recorded
def test_hashtags_are_those_of_twitter_texts_own_cases() -> None:
    groups = yaml.safe_load(recorded("twitter_text/extract.yml").read_text(encoding="utf-8"))["tests"]
    cases = groups["hashtags"] + groups.get("hashtags_from_astral", [])
    wrong = [case["text"] for case in cases if hashtags_of_text(case["text"]) != case["expected"]]
    assert len(cases) > 60
    assert all("http://" in text for text in wrong), wrong
