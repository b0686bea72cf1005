"""Kafka records as Arrow batches → parsed rows, without Spark."""

import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from counting.counting_rules import CountingRules
from counting.records import PARSED, parse_batches

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
APPENDED = datetime(2026, 1, 1, 11, 59, tzinfo=UTC)
RECEIVED_MS = b"1767268500000"
RECEIVED = datetime.fromtimestamp(int(RECEIVED_MS) / 1000, UTC)
POST = b'{"id_str": "1800000000000000000", "text": "#a b B", "lang": "en", "timestamp_ms": "1735689600123"}'

RECORDS = pa.schema(
    [
        ("topic", pa.string()),
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("timestamp", pa.timestamp("us", "UTC")),
        ("key", pa.binary()),
        ("value", pa.binary()),
        ("headers", pa.list_(pa.struct([("key", pa.string()), ("value", pa.binary())]))),
        ("processed_at", pa.timestamp("us", "UTC")),
    ]
)


def record(value: bytes | None, key: bytes | None = None, offset: int = 7, **headers: bytes | None) -> dict[str, Any]:
    pairs = [{"key": name, "value": each} for name, each in headers.items()]
    place = {"topic": "posts", "partition": 3, "offset": offset}
    return place | {"timestamp": APPENDED, "key": key, "value": value, "headers": pairs, "processed_at": AT}


def parsed(*records: dict[str, Any], rules: CountingRules | None = None) -> list[dict[str, Any]]:
    batch = pa.RecordBatch.from_pylist(list(records), schema=RECORDS)
    (out,) = parse_batches(iter([batch]), rules)
    assert out.schema == PARSED
    rows: list[dict[str, Any]] = out.to_pylist()
    return rows


def test_a_post_is_named_by_its_own_id_and_timed_by_itself() -> None:
    (row,) = parsed(record(POST, key=b"line:1", collector=b"c", received_at=RECEIVED_MS, dialect=b"x"))
    assert row == {
        "record_id": "x:1800000000000000000",
        "kind": "post",
        "processed_at": AT,
        "event_at": datetime(2025, 1, 1, 0, 0, 0, 123000, UTC),
        "source": "x",
        "lang": "en",
        "term": "",
        "hashtags": ["a"],
        "spellings": ["a\ta"],
        "words": ["#a", "b"],
        "is_repost": False,
    }


@pytest.mark.parametrize(
    ("value", "kind"), [(b"text", "post"), (b"", "control"), (b'{"hashtide":{"gap":{"a":1}}}', "gap"), (b"[]", "dead")]
)
def test_others_are_named_by_the_collectors_key_else_by_their_place(value: bytes, kind: str) -> None:
    ours, anothers = record(value, b"line:s:1", collector=b"c"), record(value, b"line:s:1")
    rows = parsed(ours, anothers, record(value, b"", collector=b""))
    assert [row["record_id"] for row in rows] == [f"{kind}/line:s:1", f"{kind}/posts[3]@7", f"{kind}/posts[3]@7"]


def test_text_and_control_happened_when_they_were_received_else_appended() -> None:
    rows = parsed(
        record(b"text", received_at=RECEIVED_MS),
        record(b"", received_at=RECEIVED_MS),
        record(b"text", received_at=b"soon"),
        record(b"text", received_at=None),
        record(b"text"),
    )
    assert [row["event_at"] for row in rows] == [RECEIVED, RECEIVED, APPENDED, APPENDED, APPENDED]


def test_dead_letters_and_gaps_happened_when_we_learned_of_them() -> None:
    rows = parsed(record(b"[", received_at=RECEIVED_MS), record(b'{"hashtide":{"gap":{"why":"x"}}}'))
    assert [(row["kind"], row["event_at"]) for row in rows] == [("dead", AT), ("gap", AT)]
    assert [row["term"] for row in rows] == ["posts[3]@7 truncated or invalid JSON", '{"why":"x"}']


def test_a_time_outside_of_the_calendar_is_no_time() -> None:
    far = POST.replace(b"1735689600123", b"999999999999999999")
    (row,) = parsed(record(far))
    assert row["event_at"] == datetime(1970, 1, 1, tzinfo=UTC)


def test_of_a_repeated_header_the_last_counts_and_order_is_kept() -> None:
    twice = record(b"[]", offset=1)
    twice["headers"] = [{"key": "dialect", "value": b"x"}, {"key": "dialect", "value": b"text"}]
    without = record(b"[]", offset=2)
    none = record(b"[]", offset=3)
    none["headers"] = None
    assert [row["kind"] for row in parsed(without, twice, none)] == ["dead", "post", "dead"]


RETWEET = json.dumps(
    {
        "id_str": "1800000000000000002",
        "text": "RT @a: Hello #On…",
        "lang": "en",
        "entities": {"hashtags": [{"text": "On"}]},
        "retweeted_status": {
            "text": "Hello #One #TWO #two",
            "entities": {"hashtags": [{"text": t} for t in ("One", "TWO", "two")]},
        },
    }
).encode()


def test_a_repost_counts_the_original_in_full_or_its_own_text() -> None:
    (full,), (own,) = parsed(record(RETWEET)), parsed(record(RETWEET), rules=CountingRules(retweets="own"))
    assert (full["hashtags"], full["words"]) == (["one", "two"], ["hello", "#one", "#two"])
    assert full["spellings"] == ["one\tOne", "two\tTWO", "two\ttwo"]
    assert (own["hashtags"], own["spellings"]) == (["on"], ["on\tOn"])
    assert own["words"] == ["rt", "@a:", "hello", "#on..."]
    assert full["is_repost"]
    assert own["is_repost"]


def test_words_are_clean_where_that_was_asked_for() -> None:
    line = b'{"id_str": "1800000000000000003", "text": "The rain, https://a.example/b @you!", "lang": "en"}'
    assert parsed(record(line))[0]["words"] == ["the", "rain,", "https://a.example/b", "@you!"]
    assert parsed(record(line), rules=CountingRules(words="clean"))[0]["words"] == ["rain"]


def test_a_control_message_says_what_it_is_about() -> None:
    rows = parsed(record(b'{"delete":{"status":{"id":5,"id_str":"5","user_id":3}}}'), record(b""))
    assert [row["term"] for row in rows] == ["delete\tx:5", "keep_alive"]


def test_an_empty_batch_stays_empty() -> None:
    assert parsed() == []


def test_odd_keys_and_dialects_do_not_make_it_raise() -> None:
    rows = parsed(record(b"[]", b"\xff", collector=b"c", dialect=b"\xff\xfe"), record(None))
    assert [row["kind"] for row in rows] == ["dead", "dead"]
    assert rows[1]["term"] == "posts[3]@7 no value"
