"""What a record is, whatever it is made of."""

import base64
import json
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

import formats
from contract.sources import NOTES, dialects
from formats import describe, parse, post_key
from formats.faults import log_once
from tests.counting.sample import records
from tests.formats.recorded import recorded_lines

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
        (b'{"did": "d", "kind": "identity"}', "jetstream"),
        (b'{"did": null, "kind": "identity"}', "jetstream"),
        (b'{"\\u0064id": "d", "kind": "identity"}', "jetstream"),
        (b'{"event": "delete", "payload": "1"}', "mastodon"),
        (b'{"uri": "u", "account": {}, "content": "", "created_at": "2026-01-01"}', "mastodon"),
        (b"event: delete\ndata: 1", "mastodon"),
        (b"data: 1", "mastodon"),
        (b"event: without its data", "text"),
        (b'{"id_str": "1800000000000000000", "text": "a", "user": {"did": 1, "kind": 2}}', "x"),
        (b'\n{"id_str": "1800000000000000000", "text": "a"}', "x"),
        (b' { "hashtide" : {"gap": {"why": "restart"}}}', "hashtide"),
    ],
)
def test_without_a_dialect_the_shape_decides(raw: bytes, source: str) -> None:
    parsed = parse(None, raw)
    assert parsed.source == source
    assert parsed.kind in ("post", "gap", "control")


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


def _sampled() -> Iterator[tuple[str | None, bytes]]:
    for sent in records(seed=5, posts=3_000):
        dialect = dict(sent.headers).get("dialect")
        yield None if dialect is None else dialect.decode(), sent.value


def _recorded() -> Iterator[tuple[str | None, bytes]]:
    for line in recorded_lines():
        yield None, line


@pytest.mark.parametrize(
    ("lines", "at_least"),
    [(_sampled, 2_000), pytest.param(_recorded, 50, marks=pytest.mark.recorded)],
    ids=["sampled", "recorded"],
)
def test_the_cheap_identity_is_the_one_that_the_full_parse_finds(
    lines: Callable[[], Iterator[tuple[str | None, bytes]]], at_least: int
) -> None:
    keys = 0
    for dialect, raw in lines():
        parsed = parse(dialect, raw)
        assert post_key(dialect, raw) == parsed.post_id
        keys += parsed.post_id is not None
    assert keys > at_least


FIELDS = ["id", "id_str", "text", "full_text", "created_at", "timestamp_ms", "lang", "entities", "extended_tweet"]
FIELDS += ["retweeted_status", "data", "includes", "errors", "title", "delete", "connection_issue", "hashtide"]
FIELDS += [
    "limit",
    "disconnect",
    "warning",
    "scrub_geo",
    "status_withheld",
    "user",
    "coordinates",
    "place",
    "gap",
    "dead",
]
FIELDS += [
    "kind",
    "did",
    "time_us",
    "commit",
    "collection",
    "operation",
    "rkey",
    "record",
    "createdAt",
    "facets",
    "tags",
]
FIELDS += ["event", "payload", "uri", "account", "content", "reblog", "language", "schema"]
DIALECTS = (None, *dialects(), NOTES.name)


def never_raises(raw: bytes) -> None:
    """Every reader agrees on what is a post, and none raises."""
    for dialect in DIALECTS:
        parsed = parse(dialect, raw)
        assert parsed.term != "cannot be read"  # which is for what no test has found
        assert parsed.post_id == post_key(dialect, raw)
        assert (parsed.kind == "post") == (describe(dialect, raw) is not None)
        assert len(parsed.about) <= 200
        assert parsed.about == "" or parsed.kind == "control"
        assert not any(unicodedata.category(each) == "Cc" for each in parsed.about)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.sampled_from(FIELDS), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(FIELDS), json_values))
def test_no_field_of_any_type_makes_it_raise(message: dict[str, object]) -> None:
    never_raises(json.dumps(message).encode())


@given(st.binary(max_size=60))
def test_no_bytes_make_it_raise(raw: bytes) -> None:
    never_raises(raw)


def sampled_from(lines: Callable[[], Iterator[tuple[str | None, bytes]]]) -> st.SearchStrategy[bytes]:
    """One of the first 200, read when the first is asked for: the recorded ones may be absent."""
    return st.deferred(lambda: st.sampled_from([line for _, line in lines()][:200]))


@given(sampled_from(_sampled), st.integers(min_value=0), st.integers(0, 255))
def test_no_torn_or_changed_line_makes_it_raise(line: bytes, place: int, byte: int) -> None:
    torn_or_changed_never_raises(line, place, byte)


@pytest.mark.recorded
@given(sampled_from(_recorded), st.integers(min_value=0), st.integers(0, 255))
def test_no_torn_or_changed_recorded_line_makes_it_raise(line: bytes, place: int, byte: int) -> None:
    torn_or_changed_never_raises(line, place, byte)


def torn_or_changed_never_raises(line: bytes, place: int, byte: int) -> None:
    place %= len(line) + 1
    for raw in (line[:place], line[:place] + bytes([byte]) + line[place + 1 :]):
        never_raises(raw)


POST = json.dumps({"id_str": "1800000000000000000", "text": "#a"})


@pytest.mark.parametrize(
    "raw",
    [
        json.dumps({"schema": {"type": "string", "optional": False}, "payload": POST}).encode(),
        json.dumps({"payload": json.loads(POST), "schema": None}).encode(),
        json.dumps({"schema": {"type": "bytes"}, "payload": base64.b64encode(POST.encode()).decode()}).encode(),
        json.dumps(POST).encode(),
        b"  " + json.dumps(POST).encode() + b"\n",
    ],
)
def test_what_kafka_connect_has_wrapped_is_unwrapped_once(raw: bytes) -> None:
    assert parse(None, raw) == parse("x", POST.encode())
    assert post_key(None, raw) == "x:1800000000000000000"
    assert parse(None, json.dumps(raw.decode()).encode()).post_id != parse(None, raw).post_id


def test_an_envelope_of_nothing_is_a_tombstone_and_of_words_is_text() -> None:
    assert parse(None, b'{"schema": null, "payload": null}').term == "no value"
    words = parse(None, b'{"schema": {"type": "string"}, "payload": "plain #words \\ud83d"}')
    assert (words.source, words.text, words.hashtags) == ("text", "plain #words \ufffd", ("words",))
    assert parse("x", b'{"schema": null, "payload": "a"}').term == "unknown shape"
    assert parse(None, b'{"schema": {"type": "bytes"}, "payload": "no #Base64"}').text == "no #Base64"
    assert parse(None, b'{"schema": 1, "payload": "a", "id": 1}').source == "x"


def test_a_line_too_large_for_the_topic_is_dead() -> None:
    parsed = parse(
        "hashtide", b'{"hashtide": {"dead": {"source": "x", "cursor": "1", "bytes": 9, "reason": "too large"}}}'
    )
    assert (parsed.kind, parsed.source, parsed.term) == ("dead", "hashtide", "too large for the topic")


@pytest.mark.parametrize("depth", [200, 400, 600, 800, 950, 3_000])
def test_no_depth_makes_it_raise(depth: int) -> None:
    nested = "[" * depth + "]" * depth
    for start in ('{"id": "no number", "delete": ', '{"hashtide": {"gap": ', '{"schema": 1, "payload": '):
        never_raises((start + nested + "}" * start.count("{")).encode())


class _Broken:
    """A format with a mistake in each function."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def parse(self, _raw: bytes) -> NoReturn:
        raise self.error

    post_id = describe = parse


@pytest.mark.parametrize(
    "error", [OverflowError("too big"), UnicodeEncodeError("utf-8", "\ud800", 0, 1, "no"), AttributeError("a typo")]
)
def test_a_record_that_a_format_has_a_mistake_for_is_dead(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(formats._FORMATS, "x", _Broken(error))
    for _ in range(2):
        parsed = parse("x", POST.encode())
        assert (parsed.kind, parsed.source, parsed.term) == ("dead", "x", "cannot be read")
        assert (parsed.text, parsed.hashtags, parsed.post_id) == ("", (), None)
        assert post_key("x", POST.encode()) is None
        assert describe("x", POST.encode()) is None


def test_a_mistake_is_logged_once_for_each_place(caplog: pytest.LogCaptureFixture) -> None:
    for error in (KeyError("a"), KeyError("b"), IndexError()):
        try:
            raise error
        except LookupError:
            log_once("posts[0]@7 cannot be read")
    assert [record.message for record in caplog.records] == [
        "posts[0]@7 cannot be read: this is a mistake in our code, please report it"
    ] * 2


@pytest.mark.parametrize("fault", [OSError("the disk"), MemoryError(), ImportError("half a zip")])
def test_the_machines_faults_are_no_dead_letters(fault: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(formats._FORMATS, "x", _Broken(fault))
    for read in (parse, post_key, describe):
        with pytest.raises(type(fault)):
            read("x", POST.encode())


def test_utf_16_is_no_json() -> None:
    assert parse("x", POST.encode("utf-16-le")).term == "truncated or invalid JSON"


def test_the_formats_need_no_spark() -> None:
    for source in (Path(parse.__code__.co_filename).parent).rglob("*.py"):
        assert "pyspark" not in source.read_text()
