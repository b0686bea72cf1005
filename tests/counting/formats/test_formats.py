"""What a record is, whatever it is made of."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counting.formats import parse, post_key
from tests.counting.recorded import recorded_lines
from tests.counting.sample import records

DEEP = b'{"id": 1, "x": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (None, "no value"),
        (b'{"id_str": "1", "text": "\xff"}', "invalid UTF-8"),
        (b'{"id_str": "1", "unread": "\xff"}', "invalid UTF-8"),
        (b'{"id_str": "12", "text": "cut', "truncated or invalid JSON"),
        (b'{"id": NaN}', "truncated or invalid JSON"),
        (b'{"id": 1} {"id": 2}', "truncated or invalid JSON"),
        (DEEP, "JSON nested too deeply"),
        (b"null", "not a JSON object"),
        (b"  true ", "not a JSON object"),
        (b"[]", "not a JSON object"),
        (b"{}", "unknown shape"),
        (b'{"text": "a"}', "missing id"),
        (b'{"id": 20, "text": "before snowflake"}', "missing created_at"),
        (b'{"id_str": "1800000000000000000"}', "missing text"),
    ],
)
def test_what_is_not_understood_is_dead_and_says_why(raw: bytes | None, reason: str) -> None:
    parsed = parse(None, raw)
    assert (parsed.kind, parsed.term) == ("dead", reason)
    assert raw is None or post_key(None, raw) is None


@pytest.mark.parametrize("raw", [b"", b" \r\n", b"\t"])
@pytest.mark.parametrize("dialect", [None, "x", "text"])
def test_a_blank_record_is_a_keep_alive(raw: bytes, dialect: str | None) -> None:
    parsed = parse(dialect, raw)
    assert (parsed.kind, parsed.term, parsed.source) == ("control", "keep_alive", dialect or "unknown")


@pytest.mark.parametrize(
    ("raw", "source"),
    [
        (b"plain #words", "text"),
        (b"2024", "text"),
        (b'"quoted"', "text"),
        (b"nullify", "text"),
        (b'\xef\xbb\xbf  {"id_str": "1800000000000000000", "text": "behind a BOM"}', "x"),
        (b'\n{"id_str": "1800000000000000000", "text": "a"}', "x"),
        (b' { "hashtide" : {"gap": {"why": "restart"}}}', "hashtide"),
    ],
)
def test_without_a_dialect_the_shape_decides(raw: bytes, source: str) -> None:
    parsed = parse(None, raw)
    assert parsed.source == source
    assert parsed.kind in ("post", "gap")


def test_a_dialect_decides_against_the_shape() -> None:
    assert parse("text", b'{"id_str": "1800000000000000000", "text": "a"}').text.startswith("{")
    assert parse("x", b"plain words").term == "truncated or invalid JSON"
    assert parse("x", b'{"hashtide": {"gap": {"why": "not ours"}}}').term == "unknown shape"


def test_a_dialect_that_nobody_speaks_is_dead() -> None:
    parsed = parse("klingon", b"nuqneH")
    assert (parsed.kind, parsed.source, parsed.term) == ("dead", "unknown", "unknown dialect")


def test_a_gap_is_its_note() -> None:
    note = {"source": "file:a", "from": "1", "to": "7", "why": "ü" * 200}
    parsed = parse("hashtide", json.dumps({"hashtide": {"gap": note}}).encode())
    assert parsed.kind == "gap"
    assert json.loads(parsed.term) == note


def _lines() -> Iterator[tuple[str | None, bytes]]:
    for line in recorded_lines():
        yield None, line
    for sent in records(seed=5, posts=3_000):
        dialect = dict(sent.headers).get("dialect")
        yield None if dialect is None else dialect.decode(), sent.value


def test_the_cheap_identity_is_the_one_that_the_full_parse_finds() -> None:
    keys = 0
    for dialect, raw in _lines():
        parsed = parse(dialect, raw)
        assert post_key(dialect, raw) == parsed.post_id
        keys += parsed.post_id is not None
    assert keys > 2_000


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ["id", "id_str", "text", "full_text", "created_at", "timestamp_ms", "lang", "entities", "extended_tweet"]
FIELDS += ["retweeted_status", "data", "includes", "errors", "title", "delete", "connection_issue", "hashtide"]


@given(st.dictionaries(st.sampled_from(FIELDS), json_values))
def test_no_field_of_any_type_makes_it_raise(message: dict[str, object]) -> None:
    raw = json.dumps(message).encode()
    for dialect in (None, "x", "hashtide", "text"):
        assert parse(dialect, raw).post_id == post_key(dialect, raw)


@given(st.binary(max_size=60))
def test_no_bytes_make_it_raise(raw: bytes) -> None:
    for dialect in (None, "x", "hashtide", "text"):
        assert parse(dialect, raw).post_id == post_key(dialect, raw)


@given(st.sampled_from([line for _, line in _lines()][:200]), st.integers(min_value=0), st.integers(0, 255))
def test_no_torn_or_changed_line_makes_it_raise(line: bytes, place: int, byte: int) -> None:
    place %= len(line) + 1
    for raw in (line[:place], line[:place] + bytes([byte]) + line[place + 1 :]):
        assert parse(None, raw).post_id == post_key(None, raw)


def test_the_formats_need_no_spark() -> None:
    for source in (Path(parse.__code__.co_filename).parent).glob("*.py"):
        assert "pyspark" not in source.read_text()
