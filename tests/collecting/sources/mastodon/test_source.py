"""Mastodon's streams by a real HTTP client against a server that speaks its protocol, well or badly."""

import random
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from collecting.filtering.selection import Selection
from collecting.source_api import CursorOnly, SourceError
from collecting.sources.mastodon import source as mastodon
from collecting.sources.mastodon.source import MastodonSource
from collecting.sources.mastodon.tokens import TOKEN_FILE, token_for
from contract.backoff import Backoff
from contract.source_address import SourceAddress
from tests.collecting.sources.reading import Reading, eventually, open_source
from tests.fakes.mastodon_server import FakeMastodon, event, status
from tests.formats.recorded import DATA

CLOSE_S = 0.3  # between the fake's clock reading and ours


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The servers are on this machine."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[FakeMastodon]:
    with FakeMastodon(thump_s=0.1) as fake:
        yield fake


def source_of(server: FakeMastodon, *, silence_s: float = 10.0, path: str = "public") -> MastodonSource:
    return MastodonSource(server.url, path, silence_s=silence_s, backoff=Backoff(0.01, 0.1))


def update(number: int, text: str = "größer 日本 🐤 #tag") -> bytes:
    return event("update", status(number, f"{number} {text}"))


def feed(server: FakeMastodon, numbers: range) -> list[bytes]:
    blocks = [update(number) for number in numbers]
    for block in blocks:
        server.feed(block)
    server.drained()
    return blocks


def assert_gaps_are_the_holes(reading: Reading, server: FakeMastodon) -> None:
    holes = [hole for hole in server.holes() if hole[1] < time.time()]
    assert len(reading.gaps) == len(holes)
    for gap, (begin, end) in zip(reading.gaps, holes, strict=True):
        assert abs(_seconds(gap.begin) - begin) < CLOSE_S
        assert abs(_seconds(gap.end) - end) < CLOSE_S


def test_events_come_as_they_were_sent_without_thumps(server: FakeMastodon) -> None:
    with Reading(source_of(server)) as reading:
        first = server.wait_for_connection()
        wire = feed(server, range(20))
        time.sleep(0.3)
        wire += feed(server, range(20, 40))
        reading.wait_for_lines(40)
    assert reading.raw == wire
    assert {each.dialect for each in reading.lines} == {"mastodon"}
    assert first.path == "/api/v1/streaming/public"
    assert reading.gaps == []
    assert len({each.cursor for each in reading.items}) == len(reading.items)


@pytest.mark.recorded
def test_recorded_events_come_byte_for_byte_wherever_packets_are_cut(server: FakeMastodon) -> None:
    dice = random.Random(3)  # noqa: S311
    recorded = [
        block.removeprefix(b":)\n")
        for path in sorted((DATA / "mastodon").glob("*.sse"))
        for block in path.read_bytes().split(b"\n\n")
    ]
    recorded = [block for block in recorded if block.startswith(b"event:")]
    assert len(recorded) > 8
    with Reading(source_of(server)) as reading:
        server.wait_for_connection()
        for block in recorded:
            server.feed(block, pieces=dice.sample(range(1, len(block)), 8))
        reading.wait_for_lines(len(recorded))
    assert reading.raw == recorded


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_half_a_character_at_a_packets_edge_and_any_line_end(server: FakeMastodon, end: bytes) -> None:
    block = event("update", status(1, "日本🐤" * 30), end=end)
    with Reading(source_of(server)) as reading:
        server.wait_for_connection()
        server.feed(block, end=end, pieces=range(100, len(block), 7))
        server.feed(b"event: delete" + end + b"data: 1", end=end)
        reading.wait_for_lines(2)
    assert reading.raw == [block, b"event: delete" + end + b"data: 1"]


def test_an_event_of_a_megabyte_is_a_line(server: FakeMastodon) -> None:
    block = update(1, "w" * 1_000_000)
    with Reading(source_of(server)) as reading:
        server.wait_for_connection()
        server.feed(block)
        reading.wait_for_lines(1)
    assert reading.raw == [block]


@pytest.mark.parametrize("how", ["cut", "reset", "politely"])
def test_a_lost_connection_is_a_gap_as_long_as_nobody_listened(server: FakeMastodon, how: str) -> None:
    with Reading(source_of(server)) as reading:
        server.wait_for_connection()
        feed(server, range(5))
        reading.wait_for_lines(5)
        server.refuse(503, times=6)
        server.end(how)
        assert not server.feed(update(99, "missed"))
        server.wait_for_connection(after=1)
        feed(server, range(5, 10))
        reading.wait_for_lines(10)
        assert_gaps_are_the_holes(reading, server)
    assert len(reading.lines) == 10


@pytest.mark.parametrize("at", [3, 30, 200])
def test_what_came_of_a_torn_event_is_a_line_just_before_the_gap(server: FakeMastodon, at: int) -> None:
    block = update(1)
    with Reading(source_of(server)) as reading:
        server.wait_for_connection()
        feed(server, range(2))
        server.tear(block, at=at)
        server.wait_for_connection(after=1)
        reading.wait_for_gaps(1)
    assert reading.raw[2:] == [block[:at]]
    assert reading.items.index(reading.lines[-1]) < reading.items.index(reading.gaps[0])


def test_a_silent_connection_is_dropped_and_the_gap_begins_where_the_silence_did(server: FakeMastodon) -> None:
    with Reading(source_of(server, silence_s=0.6)) as reading:
        server.wait_for_connection()
        feed(server, range(3))
        reading.wait_for_lines(3)
        time.sleep(0.25)
        server.mute()
        server.feed(update(9, "missed"))
        server.wait_for_connection(after=1)
        reading.wait_for_gaps(1)
        assert_gaps_are_the_holes(reading, server)


def test_a_new_start_says_what_nobody_listened_to_and_only_once(server: FakeMastodon) -> None:
    with Reading(source_of(server)) as before:
        server.wait_for_connection()
        feed(server, range(3))
        before.wait_for_lines(3)
        time.sleep(0.5)  # thumps only: they move the cursor too
    time.sleep(0.3)
    with Reading(source_of(server), before.cursor) as reading:
        reading.wait_for_gaps(1)
        server.wait_for_connection(after=1)
        feed(server, range(3, 5))
        reading.wait_for_lines(2)
        assert_gaps_are_the_holes(reading, server)
    with Reading(source_of(server), reading.gaps[0].cursor) as again:
        again.wait_for_gaps(1)
    assert again.gaps[0].begin == reading.gaps[0].end


def test_a_stop_does_not_claim_that_it_heard_what_came_in_a_silence(server: FakeMastodon) -> None:
    with Reading(source_of(server)) as before:
        server.wait_for_connection()
        feed(server, range(3))
        before.wait_for_lines(3)
        server.feed(update(3), pieces=[50])  # whole
        before.wait_for_lines(4)
        server.mute()
        time.sleep(0.6)
    with Reading(source_of(server), before.cursor) as reading:
        reading.wait_for_gaps(1)
        assert_gaps_are_the_holes(reading, server)


def test_what_our_own_stop_tears_is_no_line_and_lies_in_the_gap(server: FakeMastodon) -> None:
    with Reading(source_of(server)) as before:
        first = server.wait_for_connection()
        server.keep_alive_s = 60.0
        time.sleep(0.3)
        server.send_torn(update(1)[:40])
        time.sleep(0.3)
        began_at = time.time()
    assert first.closed_at > began_at - 0.1
    assert before.lines == []
    with Reading(source_of(server), before.cursor) as reading:
        reading.wait_for_gaps(1)
    assert _seconds(reading.gaps[0].begin) < began_at - 0.25


def test_a_quiet_stream_moves_its_cursor_by_thumps(server: FakeMastodon) -> None:
    with Reading(source_of(server)) as reading:
        server.wait_for_connection()
        eventually(lambda: len(reading.items) > 3, lambda: "no thumps")
    assert {type(each) for each in reading.items} == {CursorOnly}


def test_of_a_long_hole_the_books_know_before_it_ends(server: FakeMastodon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mastodon, "TELL_EACH_S", 0.3)
    with Reading(source_of(server)) as reading:
        server.wait_for_connection()
        feed(server, range(3))
        reading.wait_for_lines(3)
        server.refuse(503, times=1000)
        server.end("cut")
        reading.wait_for_gaps(3)
        server.forgive()
        server.wait_for_connection(after=1)
        feed(server, range(3, 5))
        reading.wait_for_lines(5)
    (begin, end), *_ = server.holes()
    assert [gap.begin for gap in reading.gaps[1:]] == [gap.end for gap in reading.gaps[:-1]]
    assert abs(_seconds(reading.gaps[0].begin) - begin) < CLOSE_S
    assert abs(_seconds(reading.gaps[-1].end) - end) < CLOSE_S


def _seconds(moment: datetime | None) -> float:
    assert moment is not None
    return moment.timestamp()


def test_a_redirect_is_reported_and_not_followed_with_the_token(server: FakeMastodon) -> None:
    server.refuse(301, headers={"Location": "https://elsewhere.example/"})
    with Reading(source_of(server)) as reading:
        assert "answers 301 Moved Permanently to https://elsewhere.example/" in reading.wait_for_error()


def test_a_password_in_netrc_is_not_sent(server: FakeMastodon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login canary password hush\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with Reading(source_of(server)):
        server.wait_for_connection()
    assert {authorization for _, authorization in server.asked} == {None}


@pytest.mark.parametrize("answer", [401, 403, 404, 422])
def test_what_will_not_get_better_stops_it_with_the_reason(server: FakeMastodon, answer: int) -> None:
    server.refuse(answer)
    with Reading(source_of(server)) as reading:
        assert f"{server.host} answers {answer}" in reading.wait_for_error()


def test_a_429_waits_as_long_as_it_is_asked_to_and_says_so_meanwhile(server: FakeMastodon) -> None:
    server.refuse(429, headers={"X-RateLimit-Reset": time.strftime("%Y-%m-%dT%H:%M:%S.999Z", time.gmtime())})
    server.refuse(429, headers={"Retry-After": "1"})
    source = source_of(server)
    with Reading(source) as reading:
        eventually(lambda: "429" in (source.last_error or ""), lambda: "no trouble")
        began_s = time.monotonic()
        server.wait_for_connection()
        assert time.monotonic() - began_s > 0.8
        feed(server, range(2))
        reading.wait_for_lines(2)
    assert source.last_error is None


def test_the_token_goes_to_its_server_and_to_the_streams_that_the_server_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeMastodon(token="canary", thump_s=0.1) as streams, FakeMastodon() as server:
        server.streaming = streams.url.replace("http", "ws")
        tokens = tmp_path / "tokens"
        tokens.write_text(f"# mine\n{server.host} canary\n* other\n")
        tokens.chmod(0o400)
        monkeypatch.setenv(TOKEN_FILE, str(tokens))
        with Reading(source_of(server, path="public/local")) as reading:
            streams.wait_for_connection()
            feed(streams, range(2))
            reading.wait_for_lines(2)
    assert streams.connections[0].path == "/api/v1/streaming/public/local"
    assert not server.connections


def test_a_token_file_is_only_its_owners_and_has_two_words_a_line(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("A.example one\n* all\n")
    tokens.chmod(0o600)
    environment = {TOKEN_FILE: str(tokens)}
    assert (token_for("a.EXAMPLE", environment), token_for("b.example", environment)) == ("one", "all")
    assert token_for("a.example", {}) is None
    tokens.chmod(0o640)
    with pytest.raises(SourceError, match="mode 0640"):
        token_for("a.example", environment)
    tokens.chmod(0o600)
    tokens.write_text("hush-hush\n")
    with pytest.raises(SourceError, match=":1: expected") as failure:
        token_for("a.example", environment)
    assert "hush" not in str(failure.value)
    tokens.unlink()
    with pytest.raises(SourceError, match="cannot be read"):
        token_for("a.example", environment)


def test_no_token_is_named_as_the_likely_reason(server: FakeMastodon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_FILE, raising=False)
    server.token = "canary"
    with Reading(source_of(server)) as reading:
        assert TOKEN_FILE in reading.wait_for_error()


def test_addresses_are_servers_with_their_stream() -> None:
    assert open_source("mastodon:a.example").source_id != open_source("mastodon:a.example,stream=local").source_id
    assert (
        open_source("mastodon:a.example,tag=%23rain").source_id
        == open_source("mastodon:a.example,stream=hashtag,tag=rain").source_id
    )
    assert (
        open_source("mastodon:a.example,b.example").source_id
        == open_source("mastodon:b.example", "mastodon:a.example").source_id
    )
    for wrong in ("", ":a,stream=all", ":a,stream=hashtag", ":a,stream=local,tag=x", ":a,colour=red", ":ftp://a"):
        with pytest.raises(SourceError):
            open_source(f"mastodon{wrong}")


def test_a_hashtags_stream_is_asked_for_by_its_tag(server: FakeMastodon) -> None:
    source = MastodonSource.from_address(SourceAddress.parse(f"mastodon:{server.url},tag=größe"), Selection())
    with Reading(source):
        found = server.wait_for_connection()
    assert (found.path, found.query) == ("/api/v1/streaming/hashtag", {"tag": ["größe"]})


def test_a_cursor_of_another_source_is_refused(server: FakeMastodon) -> None:
    with Reading(source_of(server), "no cursor") as reading:
        assert "invalid cursor" in reading.wait_for_error()
