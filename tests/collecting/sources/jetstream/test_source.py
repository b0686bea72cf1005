"""Jetstream by the real client against a server that speaks its protocol, well or badly."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from collecting.filtering.selection import Selection
from collecting.source_api import SourceError
from collecting.sources.jetstream import source as jetstream
from collecting.sources.jetstream.source import JetstreamSource
from contract.backoff import Backoff
from contract.source_address import AddressError, SourceAddress
from tests.collecting.sources.reading import Reading, eventually
from tests.fakes.jetstream_server import EventLog, FakeJetstream, post
from tests.formats.recorded import DATA


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The servers are on this machine."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[FakeJetstream]:
    with FakeJetstream() as fake:
        yield fake


def source_of(*servers: FakeJetstream, overlap_s: float = 2.0, silence_s: float = 60.0) -> JetstreamSource:
    return JetstreamSource(
        tuple(each.url for each in servers), overlap_s=overlap_s, silence_s=silence_s, backoff=Backoff(0.01, 0.1)
    )


def feed(server: FakeJetstream, numbers: range) -> list[bytes]:
    for number in numbers:
        server.feed(post(number, f"post {number} größer 日本 🐤 #tag"))
    return [server.raw(index) for index in range(len(server.log.events))]


def moment(time_us: int) -> datetime:
    return datetime.fromtimestamp(time_us / 1_000_000, UTC)


def test_events_come_as_they_were_sent_and_what_is_wanted_is_asked_for(server: FakeJetstream) -> None:
    with Reading(source_of(server)) as reading:
        first = server.wait_for_connection()
        wire = feed(server, range(50))
        reading.wait_for_lines(50)
    assert reading.raw == wire
    assert {each.dialect for each in reading.lines} == {"jetstream"}
    assert first.query["wantedCollections"] == ["app.bsky.feed.post"]
    assert "cursor" not in first.query
    assert "compress" not in first.query
    assert reading.gaps == []


@pytest.mark.recorded
@pytest.mark.parametrize("pieces", [1, 7])
def test_recorded_events_come_byte_for_byte(server: FakeJetstream, pieces: int) -> None:
    recorded = [
        each for path in sorted((DATA / "jetstream").glob("*.jsonl")) for each in path.read_bytes().splitlines() if each
    ]
    server.pieces = pieces
    with Reading(source_of(server)) as reading:
        server.wait_for_connection()
        for raw in recorded:
            server.log.add(raw)
        reading.wait_for_lines(len(set(recorded)))
    assert reading.raw == list(dict.fromkeys(recorded))


@pytest.mark.parametrize("how", ["close", "cut", "reset", "tear"])
def test_after_a_lost_connection_it_goes_on_without_loss_repeat_or_gap(server: FakeJetstream, how: str) -> None:
    with Reading(source_of(server)) as reading:
        server.wait_for_connection()
        feed(server, range(30))
        reading.wait_for_lines(10)
        if how == "tear":
            server.live[0].order = how
        else:
            server.end(how)
        wire = feed(server, range(30, 60))
        server.wait_for_connection(after=1)
        wire = feed(server, range(60, 70))
        reading.wait_for_lines(70)
        assert reading.raw == wire
    assert reading.gaps == []
    assert len(reading.lines) == 70


def test_a_frame_in_pieces_with_half_a_character_at_an_edge_is_one_message(server: FakeJetstream) -> None:
    server.pieces = 90
    with Reading(source_of(server)) as reading:
        server.wait_for_connection()
        server.feed(post(1, "日本🐤" * 100))
        reading.wait_for_lines(1)
    assert reading.raw == [server.raw(0)]


def test_a_message_of_a_megabyte_is_a_line_and_so_is_what_is_no_event(server: FakeJetstream) -> None:
    odd = [b'{"kind": "commit"', b"\xff\xfe", b'{\n  "a": 1\n}', b"x" * 2_000_000, b'{"time_us": "soon"}']
    with Reading(source_of(server)) as reading:
        server.wait_for_connection()
        server.feed(post(1, "w" * 1_000_000))
        for raw in odd:
            server.feed(raw)
        reading.wait_for_lines(6)
    assert reading.raw == [server.raw(0), *odd]
    assert len({each.cursor for each in reading.lines}) == 6


def test_a_message_beyond_all_measure_is_a_gap_and_reading_goes_on(
    server: FakeJetstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jetstream, "MAX_MESSAGE_BYTES", 100_000)
    with Reading(source_of(server)) as reading:
        server.wait_for_connection()
        feed(server, range(3))
        reading.wait_for_lines(3)
        server.feed(post(3, "x" * 200_000))
        server.wait_for_connection(after=1)
        eventually(lambda: "cursor" not in server.live[-1].query if server.live else False, lambda: "still asked for")
        wire = feed(server, range(4, 6))
        reading.wait_for_lines(5)
    assert reading.raw == wire[:3] + wire[4:]
    assert [(gap.begin, gap.end) for gap in reading.gaps] == [
        (moment(server.log.events[2][0]), moment(server.log.events[4][0]))
    ]


def test_a_new_start_asks_for_what_came_since_and_leaves_out_what_is_held(server: FakeJetstream) -> None:
    with Reading(source_of(server)) as before:
        server.wait_for_connection()
        feed(server, range(40))
        before.wait_for_lines(40)
    wire = feed(server, range(40, 60))
    again = source_of(server)
    again.skip(before.lines)
    with Reading(again, before.lines[-1].cursor) as reading:
        reading.wait_for_lines(20)
        asked_us = int(server.wait_for_connection().query["cursor"][0])
    assert asked_us == int(before.lines[-1].cursor.partition(":")[0]) - 2_000_000
    assert reading.raw == wire[40:]
    assert reading.gaps == []


def test_a_server_that_begins_earlier_than_asked_yields_nothing_twice(server: FakeJetstream) -> None:
    server.rewind_s = 1.0
    with Reading(source_of(server, overlap_s=5.0)) as reading:
        server.wait_for_connection()
        wire = feed(server, range(40))
        reading.wait_for_lines(40)
        for _ in range(3):
            server.end("cut")
            server.wait_for_connection(after=len(server.subscribers))
        wire = feed(server, range(40, 50))
        reading.wait_for_lines(50)
    assert reading.raw == wire


def test_another_host_with_another_clock_goes_on_without_loss_repeat_or_gap() -> None:
    log = EventLog()
    one, other = FakeJetstream(log), FakeJetstream(log, skew_us=700_000)
    with one, other, Reading(source_of(one, other)) as reading:
        one.wait_for_connection()
        feed(one, range(20))
        reading.wait_for_lines(20)
        one.refuse(503, times=100)
        one.end("cut")
        feed(one, range(20, 40))
        other.wait_for_connection()
        reading.wait_for_lines(40)
        other.end("reset")
        feed(one, range(40, 60))
        other.wait_for_connection(after=1)
        reading.wait_for_lines(60)
    keys = [json.loads(raw)["commit"]["rkey"] for raw in reading.raw]
    assert keys == [f"key{number:09d}" for number in range(60)]
    assert reading.gaps == []


def test_a_cursor_older_than_the_server_keeps_is_a_gap_between_the_events_we_have(server: FakeJetstream) -> None:
    with Reading(source_of(server)) as reading:
        server.wait_for_connection()
        feed(server, range(10))
        reading.wait_for_lines(10)
        server.refuse(503, times=1000)
        server.end("cut")
        feed(server, range(10, 30))
        server.log.forget(keep=5)
        server.forgive()
        reading.wait_for_lines(15)
    wire = [server.raw(index) for index in range(30)]
    assert reading.raw == wire[:10] + wire[25:]
    assert [(gap.begin, gap.end) for gap in reading.gaps] == [
        (moment(server.log.events[9][0]), moment(server.log.events[25][0]))
    ]
    assert "no longer has" in reading.gaps[0].why


def test_a_server_that_still_has_our_last_event_leaves_no_gap(server: FakeJetstream) -> None:
    for number in range(5):
        server.log.add(post(number, "long ago"), 1_700_000_000_000_000 + number)
    after = f"{1_700_000_000_000_004}:0000000000000000"
    server.log.forget(keep=1)
    server.feed(post(5, "now"))
    with Reading(source_of(server), after) as reading:
        reading.wait_for_lines(2)
    assert reading.gaps == []


def test_a_refused_cursor_is_a_gap_from_the_last_event_to_what_comes_now(server: FakeJetstream) -> None:
    server.refuses_old_cursors = True
    with Reading(source_of(server)) as before:
        server.wait_for_connection()
        feed(server, range(10))
        before.wait_for_lines(10)
    feed(server, range(10, 20))
    server.log.forget()
    with Reading(source_of(server), before.lines[-1].cursor) as reading:
        server.wait_for_connection(after=1)
        wire = feed(server, range(20, 25))
        reading.wait_for_lines(5)
    assert reading.raw == wire[20:]
    assert [(gap.begin, gap.end) for gap in reading.gaps] == [
        (moment(server.log.events[9][0]), moment(server.log.events[20][0]))
    ]


def test_a_crash_just_behind_a_gap_does_not_say_it_again(server: FakeJetstream) -> None:
    feed(server, range(10))
    server.log.forget(keep=5)
    old = f"{server.log.events[2][0]}:0000000000000000"
    with Reading(source_of(server), old) as reading:
        reading.wait_for_lines(5)
    again = Reading(source_of(server), reading.gaps[0].cursor)
    with again:
        again.wait_for_lines(5)
    assert again.gaps == []


def test_a_silent_connection_is_opened_anew(server: FakeJetstream) -> None:
    with Reading(source_of(server, silence_s=0.5)) as reading:
        server.wait_for_connection()
        feed(server, range(3))
        reading.wait_for_lines(3)
        server.mute()
        wire = feed(server, range(3, 6))
        server.wait_for_connection(after=1)
        reading.wait_for_lines(6)
    assert reading.raw == wire
    assert reading.gaps == []


def test_a_429_waits_as_long_as_it_is_asked_to_and_says_so_meanwhile(server: FakeJetstream) -> None:
    server.refuse(429, headers={"Retry-After": "1"})
    source = source_of(server)
    with Reading(source) as reading:
        eventually(lambda: source.last_error is not None, lambda: "no trouble")
        assert "429" in (source.last_error or "")
        began = datetime.now(UTC)
        server.wait_for_connection()
        assert (datetime.now(UTC) - began).total_seconds() > 0.5
        feed(server, range(2))
        reading.wait_for_lines(2)
        assert source.last_error is None


def test_a_host_that_is_not_there_is_passed_over_for_the_next_one(server: FakeJetstream) -> None:
    source = JetstreamSource(("ws://127.0.0.1:1", server.url), backoff=Backoff(0.01, 0.1))
    with Reading(source) as reading:
        server.wait_for_connection()
        feed(server, range(2))
        reading.wait_for_lines(2)


def test_control_messages_are_named_by_what_they_are_on_any_host() -> None:
    log = EventLog()
    events = [
        {"did": "did:plc:a", "kind": "identity", "identity": {"did": "did:plc:a", "handle": "a.example", "seq": 1}},
        {"did": "did:plc:a", "kind": "account", "account": {"active": True, "did": "did:plc:a", "seq": 2}},
        post(1, "x") | {"commit": {**post(1, "x")["commit"], "operation": "delete", "rev": "later"}},
    ]
    with FakeJetstream(log) as one, FakeJetstream(log, skew_us=300_000) as other:
        with Reading(source_of(one)) as before:
            one.wait_for_connection()
            for each in events:
                one.feed(each)
            before.wait_for_lines(3)
        again = source_of(other)
        again.skip(before.lines)
        with Reading(again, before.lines[-1].cursor) as reading:
            other.wait_for_connection()
            other.feed(post(2, "new"))
            reading.wait_for_lines(1)
    assert [json.loads(raw)["commit"]["rkey"] for raw in reading.raw] == ["key000000002"]


def test_random_breaks_lose_and_repeat_nothing(server: FakeJetstream) -> None:
    dice = random.Random(7)  # noqa: S311 - a test's dice
    with Reading(source_of(server)) as reading:
        server.wait_for_connection()
        for _ in range(15):
            feed(server, range(len(server.log.events), len(server.log.events) + dice.randrange(1, 40)))
            server.end(dice.choice(["close", "cut", "reset"]))
        total = len(server.log.events)
        reading.wait_for_lines(total)
    assert reading.raw == [server.raw(index) for index in range(total)]
    assert reading.gaps == []


def test_addresses_are_hosts_or_urls_with_their_keys() -> None:
    def source(text: str) -> JetstreamSource:
        return JetstreamSource.from_address(SourceAddress.parse(text), Selection())

    assert jetstream.subscribe_url("a.example", {}) == "wss://a.example/subscribe"
    assert jetstream.subscribe_url("ws://localhost:1/x", {"b": ("c", "d")}) == "ws://localhost:1/x?b=c&b=d"
    assert (
        source("jetstream:a.example,b.example").source_id
        == source("jetstream:b.example,a.example,overlap_s=9").source_id
    )
    assert source("jetstream:a.example").source_id != source("jetstream:a.example,collections=x.y").source_id
    assert source("jetstream").source_id != source("jetstream:a.example").source_id
    for wrong in ("http://a", "ws://", "a?b"):
        with pytest.raises(SourceError, match="is no host"):
            source(f"jetstream:{wrong}")
    with pytest.raises(SourceError, match="no name or password") as refused:
        source("jetstream:wss://user:sesame@a.example")
    assert "sesame" not in str(refused.value)
    for wrong in ("overlap_s=x", "overlap_s=0", "silence_s=-1", "colour=red"):
        with pytest.raises((SourceError, AddressError)):
            source(f"jetstream:{wrong}")


def test_a_cursor_of_another_source_is_refused() -> None:
    with Reading(JetstreamSource(("ws://127.0.0.1:1",)), "no cursor") as reading:
        assert "invalid cursor" in reading.wait_for_error()
