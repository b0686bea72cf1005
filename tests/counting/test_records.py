"""Kafka records as Arrow batches → parsed rows, without Spark."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from counting import records
from counting.counting_rules import CountingRules
from counting.records import PARSED, parse_batches
from formats import terms, text

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


def parsed(*given_records: dict[str, Any], rules: CountingRules | None = None) -> list[dict[str, Any]]:
    batch = pa.RecordBatch.from_pylist(list(given_records), schema=RECORDS)
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


def fail(error: Exception) -> Callable[[tuple[str, ...]], list[str]]:
    def failing(spellings: tuple[str, ...]) -> list[str]:
        if spellings:
            raise error
        return []

    return failing


def test_a_post_whose_terms_cannot_be_read_is_dead_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terms, "hashtags", fail(OverflowError("a mistake")))
    row, other = parsed(record(POST, dialect=b"x"), record(b"[", offset=8))
    assert (row["record_id"], row["kind"], row["source"]) == ("dead/posts[3]@7", "dead", "x")
    assert row["term"] == "posts[3]@7 cannot be read"
    assert (row["hashtags"], row["spellings"], row["words"]) == ([], [], [])
    assert other["term"] == "posts[3]@8 truncated or invalid JSON"


def test_a_machines_fault_fails_the_task_and_kills_no_post(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terms, "hashtags", fail(OSError("the disk")))
    with pytest.raises(OSError, match="the disk"):
        parsed(record(POST, dialect=b"x"))


# As the URL's pattern was: of this text 60,000 characters take 84 s.
ONCE_SLOW = regex.compile(r"(?<![A-Za-z])(?:[\p{L}\p{Nd}](?:[\p{L}\p{Nd}_-]{0,61}[\p{L}\p{Nd}])?\.){1,10}\p{L}{2,63}/")
SLOW_TEXT = ("я" * 62 + ".") * 1_000


def test_a_record_that_takes_too_long_is_dead_and_the_next_one_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "RECORD_CPU_S", 0.2)
    monkeypatch.setattr(text, "extract", lambda written: ONCE_SLOW.findall(written) or ["a"])
    slow, next_one = parsed(record(SLOW_TEXT.encode(), dialect=b"text"), record(b"#a b", offset=8, dialect=b"text"))
    assert (slow["kind"], slow["source"], slow["term"]) == ("dead", "text", "posts[3]@7 takes too long to read")
    assert (slow["hashtags"], slow["words"]) == ([], [])
    assert (next_one["kind"], next_one["words"]) == ("post", ["#a", "b"])


def test_in_another_thread_a_record_has_no_limit() -> None:
    with ThreadPoolExecutor(1) as other:
        assert [row["kind"] for row in other.submit(parsed, record(POST)).result()] == ["post"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
POST_FIELDS = ["text", "lang", "entities", "retweeted_status", "delete", "data", "gap", "commit", "content", "payload"]


@given(st.dictionaries(st.sampled_from(POST_FIELDS), json_values), st.sampled_from([b"x", b"jetstream", b"mastodon"]))
def test_any_json_becomes_exactly_one_row(fields: dict[str, object], dialect: bytes) -> None:
    whole = {"id_str": "1800000000000000000", "did": "a", "rkey": "b", "uri": "c", "created_at": "2026-01-01"} | fields
    (row,) = parsed(record(json.dumps(whole).encode(), dialect=dialect), rules=CountingRules(words="clean"))
    assert not row["term"].endswith("cannot be read")


def test_an_empty_batch_stays_empty() -> None:
    assert parsed() == []


def test_odd_keys_and_dialects_do_not_make_it_raise() -> None:
    rows = parsed(record(b"[]", b"\xff", collector=b"c", dialect=b"\xff\xfe"), record(None))
    assert [row["kind"] for row in rows] == ["dead", "dead"]
    assert rows[1]["term"] == "posts[3]@7 no value"
