"""Posts and control messages of X."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from formats import describe, parse
from formats.details import Author, Details
from formats.parsed import Parsed
from tests.formats.recorded import recorded, x_v1_posts

ID = "1800000000000000000"
ID_MS = (int(ID) >> 22) + 1_288_834_974_657


def x(message: dict[str, Any]) -> Parsed:
    return parse("x", json.dumps(message).encode())


def v1(**fields: Any) -> Parsed:
    return x({"id_str": ID, "text": "#a b", "timestamp_ms": "1735689600123"} | fields)


def v2(includes: dict[str, Any] | None = None, **fields: Any) -> Parsed:
    return x({"data": {"id": ID, "text": "#a b"} | fields, "includes": includes})


def own_hashtags(status: dict[str, Any]) -> list[str]:
    whole = status.get("extended_tweet") or status
    return [each["text"] for each in (whole.get("entities") or status["entities"])["hashtags"]]


@pytest.mark.recorded
def test_every_recorded_v1_post_is_understood_as_its_own_fields_say() -> None:
    seen = 0
    for status in x_v1_posts():
        parsed = x(status)
        whole = status.get("retweeted_status") or status
        text = (whole.get("extended_tweet") or {}).get("full_text") or whole.get("full_text") or whole["text"]
        created_at = datetime.strptime(status["created_at"], "%a %b %d %H:%M:%S %z %Y")
        assert parsed.kind == "post"
        assert parsed.post_id == f"x:{status['id_str']}"
        assert parsed.created_at_us is not None
        assert parsed.created_at_us // 1_000_000 == int(created_at.timestamp())
        assert parsed.lang == status["lang"]
        assert parsed.text == text
        assert list(parsed.hashtags) == own_hashtags(whole)
        assert parsed.is_repost == ("retweeted_status" in status)
        seen += 1
    assert seen == 57


@pytest.mark.recorded
def test_recorded_posts_with_a_field_missing_or_added_are_understood() -> None:
    files = sorted(recorded("x_v1/broken").glob("*.json"))
    assert len(files) == 4
    for file in files:
        status = json.loads(file.read_text())
        parsed = x(status)
        assert (parsed.kind, parsed.post_id) == ("post", f"x:{status['id_str']}")
        assert parsed.created_at_us is not None


@pytest.mark.recorded
def test_recorded_control_messages_are_named() -> None:
    for line in recorded("x_v1/control_messages.jsonl").open():
        case = json.loads(line)
        parsed = x(case["message"])
        assert (parsed.kind, parsed.term, parsed.post_id) == ("control", case["kind"], None)


def test_the_id_is_taken_from_id_str_as_a_number_may_have_lost_its_last_digits() -> None:
    assert v1(id=1800000000000000100).post_id == f"x:{ID}"
    assert v1(id=int(ID), id_str=None).post_id == f"x:{ID}"
    assert v1(id=int(ID), id_str="not digits").post_id == f"x:{ID}"


@pytest.mark.parametrize(
    ("fields", "expected_ms"),
    [
        ({"timestamp_ms": "1735689600123"}, 1735689600123),
        ({"timestamp_ms": 1735689600123}, 1735689600123),
        ({"timestamp_ms": "soon", "created_at": "Wed Jan 01 00:00:01 +0000 2025"}, 1735689601000),
        ({"timestamp_ms": None, "created_at": "2025-01-01T00:00:02.500Z"}, 1735689602500),
        ({"timestamp_ms": None, "created_at": "Wed Jan 01 01:00:03 +0100 2025"}, 1735689603000),
        ({"timestamp_ms": None, "created_at": "yesterday"}, ID_MS),
        ({"timestamp_ms": None}, ID_MS),
    ],
)
def test_event_time_is_the_timestamp_else_created_at_else_the_ids_own(fields: dict[str, Any], expected_ms: int) -> None:
    parsed = v1(**fields)
    assert parsed.created_at_us == expected_ms * 1000


def test_the_longest_text_counts_and_the_hashtags_beside_it() -> None:
    long = {"full_text": "long #b", "entities": {"hashtags": [{"text": "b"}]}}
    short = {"hashtags": [{"text": "a"}]}
    assert (v1(extended_tweet=long, entities=short).text, v1(extended_tweet=long, entities=short).hashtags) == (
        "long #b",
        ("b",),
    )
    assert v1(full_text="whole").text == "whole"
    assert v1(entities=short).hashtags == ("a",)


def test_a_repost_has_the_whole_text_and_hashtags_of_what_it_repeats() -> None:
    whole = {"text": "sh…", "extended_tweet": {"full_text": "whole #b", "entities": {"hashtags": [{"text": "b"}]}}}
    parsed = v1(text="RT @a: wh…", retweeted_status=whole, lang="en", entities={"hashtags": []})
    assert (parsed.text, parsed.hashtags, parsed.is_repost, parsed.lang) == ("whole #b", ("b",), True, "en")


def test_a_repost_keeps_its_own_text_and_hashtags_beside() -> None:
    short = {"hashtags": [{"text": "cut"}]}
    whole = {"full_text": "whole #b", "entities": {"hashtags": [{"text": "b"}]}}
    parsed = v1(text="RT @a: #cut…", retweeted_status=whole, entities=short)
    assert (parsed.own_text, parsed.own_hashtags) == ("RT @a: #cut…", ("cut",))
    referenced = [{"type": "retweeted", "id": "5"}]
    included = {"tweets": [{"id": "5", "text": "whole #b"}]}
    repost = v2(included, text="RT #cut", referenced_tweets=referenced)
    assert (repost.hashtags, repost.own_text, repost.own_hashtags) == (("b",), "RT #cut", ("cut",))
    quote = v1(quoted_status=whole)
    assert (quote.own_text, quote.own_hashtags, quote.hashtags, quote.is_repost) == (None, None, ("a",), False)


def test_without_entities_the_hashtags_are_those_of_the_text() -> None:
    assert v1(text="a #b ＃c").hashtags == ("b", "c")
    assert v1(text="a #b", entities={}).hashtags == ()


def test_a_field_of_a_wrong_type_does_not_cost_the_post() -> None:
    parsed = v1(lang=7, entities={"hashtags": [5, {"text": "a"}, {"text": ["b"]}]}, user="nobody", text="t")
    assert (parsed.kind, parsed.lang, parsed.hashtags, parsed.text) == ("post", "und", ("a",), "t")
    assert v1(retweeted_status="gone", entities=[1]).hashtags == ("a",)


def test_half_an_emoji_is_a_replacement_character() -> None:
    raw = b'{"id_str": "%s", "text": "cut \\ud83d", "user": {"name": "\\ude00"}}' % ID.encode()
    assert parse("x", raw).text == "cut \N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("lang", "expected"),
    [("EN", "en"), ("zh-cn", "zh-cn"), ("", "und"), ("not one", "und"), ("en" + "-latn" * 7, "und"), (None, "und")],
)
def test_a_language_is_lower_case_or_undetermined(lang: str | None, expected: str) -> None:
    assert v1(lang=lang).lang == expected


def test_a_v2_post_is_named_by_its_first_version() -> None:
    edited = v2(edit_history_tweet_ids=["1799999999999999999", ID], created_at="2025-01-01T00:00:00.000Z")
    assert edited.post_id == "x:1799999999999999999"
    assert edited.created_at_us == 1735689600_000_000
    assert v2().post_id == f"x:{ID}"
    assert v2().created_at_us == ID_MS * 1000


def test_a_v2_repost_takes_the_included_post() -> None:
    whole = {
        "id": "5",
        "text": "whole #b",
        "note_tweet": {"text": "longer #c", "entities": {"hashtags": [{"tag": "c"}]}},
    }
    references = [{"type": "replied_to", "id": "4"}, {"type": "retweeted", "id": "5"}]
    parsed = v2({"tweets": [{"id": "4", "text": "other"}, whole]}, text="RT", referenced_tweets=references)
    assert (parsed.text, parsed.hashtags, parsed.is_repost) == ("longer #c", ("c",), True)
    alone = v2(text="RT #a", referenced_tweets=references)
    assert (alone.text, alone.hashtags, alone.is_repost) == ("RT #a", ("a",), True)


def test_a_v2_quote_is_no_repost() -> None:
    quoted = {"tweets": [{"id": "5", "text": "#theirs"}]}
    parsed = v2(quoted, text="#mine", referenced_tweets=[{"type": "quoted", "id": "5"}])
    assert (parsed.text, parsed.is_repost) == ("#mine", False)


def test_v2_errors_beside_a_post_are_no_control_message() -> None:
    message = {"data": {"id": ID, "text": "a"}, "errors": [{"title": "Not Found Error"}]}
    assert x(message).kind == "post"


def test_a_post_is_a_post_whatever_else_its_line_says() -> None:
    line = {"id_str": "1800000000000000000", "text": "a", "limit": {"track": 7}, "warning": {"code": "b"}}
    assert parse("x", json.dumps(line).encode()).post_id == "x:1800000000000000000"


def test_a_delete_of_null_is_no_control_message() -> None:
    assert v1(delete=None).kind == "post"
    assert x({"delete": None}).term == "unknown shape"


def test_created_at_is_an_exact_time_in_utc() -> None:
    assert v1(timestamp_ms=None, created_at="Sat Feb 29 23:59:59 +0000 2020").created_at_us == int(
        datetime(2020, 2, 29, 23, 59, 59, tzinfo=UTC).timestamp() * 1_000_000
    )


def test_who_wrote_a_post_and_where() -> None:
    user = {"id_str": "7", "name": "A\x00n\n👩‍🚀\x85", "screen_name": "ann", "friends_count": 2, "followers_count": -1}
    box = {"coordinates": [[[1, 2], [3.5, 2], [3.5, 4], [1, 4]]]}
    raw = {"id_str": ID, "text": "a", "user": user | {"location": " Here "}, "place": {"bounding_box": box}}
    details = describe("x", json.dumps(raw | {"coordinates": {"coordinates": [-1, 2.5]}}).encode())
    assert details == Details(
        Author("7", "An👩‍🚀", "ann", 2, None, "Here"),
        f"https://x.com/ann/status/{ID}",
        (-1.0, 2.5),
        (1.0, 2.0, 3.5, 4.0),
    )


def test_who_wrote_a_v2_post_and_where_stands_in_its_includes() -> None:
    data = {"id": ID, "text": "a", "author_id": "7", "geo": {"place_id": "p"}}
    users = [{"id": "6"}, {"id": "7", "name": " ", "username": "ann", "public_metrics": {"followers_count": 3}}]
    places = [{"id": "p", "geo": {"bbox": [-1, 2, 3, 4.5]}}]
    details = describe("x", json.dumps({"data": data, "includes": {"users": users, "places": places}}).encode())
    assert details == Details(
        Author("7", "No name", "ann", None, 3), f"https://x.com/ann/status/{ID}", None, (-1.0, 2.0, 3.0, 4.5)
    )


@pytest.mark.parametrize("name", [None, "", "  ", "\x00\t", "\u200b\u3164", 7])
def test_a_blank_name_is_no_name(name: object) -> None:
    details = describe("x", json.dumps({"id_str": ID, "text": "a", "user": {"name": name}}).encode())
    assert details is not None
    assert details.author.name == "No name"


def test_what_is_no_post_has_no_author() -> None:
    assert describe("x", b'{"limit": {"track": 1}}') is None
    assert describe(None, b"  ") is None
    assert describe(None, b"plain words") == Details()
