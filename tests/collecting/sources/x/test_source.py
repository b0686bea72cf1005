"""The whole of it against a server that speaks X's protocol and misbehaves on purpose, through the real tweepy."""

import json
import logging
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from collecting.source_api import Line, SourceError
from collecting.sources.x.policy import Failed, Policy, utc
from collecting.sources.x.spend import Exhausted, Spending
from collecting.sources.x.splitter import Splitter
from contract.backoff import Backoff
from tests.collecting.sources.x.x_reading import CANARY, Reading, give_token, make
from tests.fakes.x_server import RULES, STREAM, FakeX


@pytest.fixture(autouse=True)
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("HASHTIDE_SPEND_FILE", raising=False)
    return give_token(tmp_path, monkeypatch)


@pytest.fixture
def x() -> Iterator[FakeX]:
    with FakeX(token=CANARY, keep_alive_s=0.1) as server:
        yield server


def post(number: int, text: str = "rain") -> bytes:
    content = {"data": {"id": str(number), "text": text}, "matching_rules": [{"id": "1"}]}  # a rule without a tag
    return json.dumps(content, ensure_ascii=False).encode()


# -- lines


def test_yields_each_line_as_it_came(x: FakeX) -> None:
    lines = [post(1), post(2, "naïve ☂ 雨"), b'{"errors":[{"title":"x"}]}', b"not json at all", b'{"data":{}} ']
    with Reading(make(x)) as reading:
        x.wait_for_connection()
        for line in lines:
            x.feed(line)
        reading.wait_for_lines(5)
    assert reading.raw == lines
    assert {item.dialect for item in reading.items if isinstance(item, Line)} == {"x"}
    assert reading.gaps == []
    assert reading.error is None


def test_a_keep_alive_is_no_line_and_moves_the_cursor(x: FakeX) -> None:
    with Reading(make(x)) as reading:
        x.wait_for_connection()
        x.feed(post(1))
        reading.until(lambda: len(reading.passed) >= 3, "three keep-alives")
    assert reading.raw == [post(1)]
    times = [int(cursor.split("@")[1]) for cursor in reading.cursors]
    assert times == sorted(times)
    assert times[-1] - times[0] >= 200


def test_lines_cut_anywhere_come_out_right(x: FakeX) -> None:
    chance = random.Random(4)  # noqa: S311
    lines = [post(n, "☂" * chance.randrange(1, 60)) for n in range(60)]
    with Reading(make(x)) as reading:
        x.wait_for_connection()
        for line in lines:
            x.feed(line, pieces=[chance.randrange(len(line) + 2) for _ in range(chance.randrange(5))])
        x.feed(post(99), pieces=[len(post(99)), len(post(99)) + 1])  # between line, CR and LF
        reading.wait_for_lines(61)
    assert reading.raw == [*lines, post(99)]


def test_a_line_of_a_megabyte(x: FakeX) -> None:
    line = post(1, "☂" * 350_000)
    with Reading(make(x)) as reading:
        x.wait_for_connection()
        x.feed(line, pieces=range(1000, len(line), 5000))
        x.feed(post(2))
        reading.wait_for_lines(2)
    assert reading.raw == [line, post(2)]


def test_what_came_of_a_torn_line_is_a_line(x: FakeX) -> None:
    line = post(2, "☂☂☂")
    edge = line.index("☂".encode()) + 1  # inside of a character
    with Reading(make(x)) as reading:
        x.wait_for_connection()
        x.feed(post(1))
        x.tear(line, at=edge)
        x.wait_for_connection(after=1)
        x.feed(post(3))
        reading.wait_for_lines(3)
    assert reading.raw == [post(1), line[:edge], post(3)]


def test_no_two_lines_have_one_cursor(x: FakeX) -> None:
    with Reading(make(x)) as first:
        x.wait_for_connection()
        for n in range(50):
            x.feed(post(n))
        first.wait_for_lines(50)
    with Reading(make(x), after=first.cursors[-1]) as second:
        x.wait_for_connection(after=1)
        x.feed(post(51))
        second.wait_for_lines(1)
    cursors = [item.cursor for item in first.items + second.items if isinstance(item, Line)]
    assert len(set(cursors)) == 51


# -- rules


def test_rules_are_added_and_removed_and_none_is_left_over(x: FakeX, caplog: pytest.LogCaptureFixture) -> None:
    x.rules = {
        "70": {"value": "from:someone", "tag": "of another tool"},
        "71": {"value": '"old"', "tag": "hashtide:1"},
        "72": {"value": "cats"},
    }
    with Reading(make(x, more=",langs=en+de,geo=1")):
        x.wait_for_connection()
    assert list(x.rules.values()) == [{"value": '"rain" (lang:en OR lang:de) has:geo', "tag": "hashtide:1"}]
    assert "'from:someone', tag 'of another tool'" in caplog.text
    assert "'cats', tag None" in caplog.text
    assert "old" not in caplog.text


def test_rules_that_are_right_are_left_alone(x: FakeX) -> None:
    for _ in range(2):
        with Reading(make(x)):
            x.wait_for_connection()
        x.wait_until_free()
    assert x.calls("POST", RULES) == 1
    assert list(x.rules) == ["1"]


def test_many_rules_go_in_several_calls(x: FakeX) -> None:
    terms = "+".join(f"{'w' * 95}{n}" for n in range(2500))
    with Reading(make(x, more=f",hashtags={terms}")):
        x.wait_for_connection()
    assert len(x.rules) == 278
    assert x.calls("POST", RULES) == 3
    assert {rule["tag"] for rule in x.rules.values()} == {f"hashtide:{n}" for n in range(1, 279)}


def test_a_rule_that_x_refuses_ends_it_and_is_named(x: FakeX) -> None:
    with Reading(make(x, more=",place=Null%20Island")) as reading:
        reading.until(lambda: bool(x.rules), "rules")
    x.rules = {}
    refusal = {"errors": [{"title": "UnprocessableEntity", "value": '"rain"', "details": ["no such thing"]}]}
    x.refuse(400, rules=True, body=refusal)
    with Reading(make(x)) as reading:
        reading.join()
    assert isinstance(reading.error, SourceError)
    assert "no such thing" in str(reading.error)
    assert '"rain"' in str(reading.error)


def test_asks_for_what_our_formats_read(x: FakeX) -> None:
    with Reading(make(x)):
        x.wait_for_connection()
    query = next(query for verb, path, query in x.requests if path == STREAM)
    assert set(query["expansions"][0].split(",")) == {"author_id", "referenced_tweets.id", "geo.place_id"}
    wanted = {"created_at", "lang", "entities", "edit_history_tweet_ids", "referenced_tweets", "note_tweet", "geo"}
    assert wanted <= set(query["tweet.fields"][0].split(","))
    assert {"name", "location", "public_metrics", "username"} <= set(query["user.fields"][0].split(","))


# -- failures


@pytest.mark.parametrize("how", ["cut", "politely", "reset", "operational"])
def test_after_a_disconnect_it_is_back_and_tells_the_gap_exactly(x: FakeX, how: str) -> None:
    with Reading(make(x)) as reading:
        x.wait_for_connection()
        x.feed(post(1))
        reading.wait_for_lines(1)
        message = x.OPERATIONAL_DISCONNECT if how == "operational" else None
        x.disconnect(politely=how == "politely", reset=how == "reset", message=message)
        x.wait_for_connection(after=1)
        x.feed(post(2))
        reading.wait_for_lines(3 if how == "operational" else 2)
        [(lost_at, back_at)] = x.holes()  # at its end the reader leaves, which is a hole too
    assert reading.raw[-1] == post(2)
    assert (b"operational-disconnect" in reading.raw[1]) == (how == "operational")
    [gap] = reading.gaps
    assert gap.begin is not None
    assert gap.end is not None
    # The last byte was sent before the server's end, and may be noted here a moment after it.
    assert -0.1 < lost_at - gap.begin.timestamp() < 0.3  # a keep-alive's distance, and some
    assert back_at <= gap.end.timestamp() < back_at + 0.3
    said = {"cut": "cut off in the middle", "politely": "X ended the stream", "reset": "reset by peer"}
    assert said.get(how, "X said: operational-disconnect: This stream has been") in gap.why


def test_a_goodbye_ends_the_connection_also_where_x_leaves_it_open(x: FakeX) -> None:
    bare = json.dumps(x.OPERATIONAL_DISCONNECT["errors"][0]).encode()
    quoting = [post(1, "operational-disconnect"), b'{"errors":[{"title":"other","detail":"operational-disconnect"}]}']
    with Reading(make(x)) as reading:
        x.wait_for_connection()
        for line in quoting:
            x.feed(line)
        reading.wait_for_lines(2)
        x.feed(bare)
        x.wait_for_connection(after=1)
        reading.until(lambda: bool(reading.gaps), "a gap")
    assert reading.raw == [*quoting, bare]
    assert len(x.connections) == 2
    assert "X said: operational-disconnect" in reading.gaps[0].why


def test_a_silent_connection_is_dropped_and_opened_anew(x: FakeX) -> None:
    with Reading(make(x)) as reading:
        x.wait_for_connection()
        reading.until(lambda: bool(reading.passed), "a keep-alive")
        x.mute()
        x.feed(post(1))
        x.wait_for_connection(after=1)
        x.feed(post(2))
        reading.wait_for_lines(1)
        [(mute_at, back_at)] = x.holes()
    assert reading.raw == [post(2)]
    [gap] = reading.gaps
    assert "no sign of life for 1 s" in gap.why
    assert gap.begin is not None
    assert gap.end is not None
    assert gap.begin.timestamp() <= mute_at
    assert gap.end.timestamp() >= back_at
    assert gap.end.timestamp() - gap.begin.timestamp() >= 1


@pytest.mark.parametrize("status", [420, 429])
def test_waits_as_the_reset_header_says_though_the_clocks_differ(x: FakeX, status: int) -> None:
    x.clock_skew_s = -4000
    x.refuse(status, reset_in_s=1.5)
    begin = time.time()
    with Reading(make(x)) as reading:
        opened = x.wait_for_connection().opened_at
        reading.until(lambda: reading.source.last_error is None, "connected")
    assert 1.4 < opened - begin < 4.5  # the header has whole seconds
    assert x.calls("GET", STREAM) == 2
    [gap] = reading.gaps
    assert gap.begin is not None
    assert abs(gap.begin.timestamp() - begin) < 1
    assert "Too Many Requests" in gap.why or status == 420


def test_waits_as_retry_after_says(x: FakeX) -> None:
    x.refuse(429, headers={"Retry-After": "1"})
    begin = time.time()
    with Reading(make(x)):
        assert x.wait_for_connection().opened_at - begin >= 1


def test_says_what_holds_it_up_and_stops_at_once(x: FakeX) -> None:
    x.refuse(429, reset_in_s=600)
    with Reading(make(x)) as reading:
        reading.until(lambda: reading.source.last_error is not None, "in trouble")
        assert "Too Many Requests: next try in" in str(reading.source.last_error)
        assert reading.end() < 1
    assert reading.source.last_error is None
    assert [gap.why for gap in reading.gaps] == ["GET /2/tweets/search/stream: Too Many Requests"]


def test_another_connection_of_the_key_is_waited_for(x: FakeX) -> None:
    x.refuse(429, times=2, body=x.TOO_MANY_CONNECTIONS, reset_in_s=900)
    with Reading(make(x)) as reading:
        x.wait_for_connection()
    assert "maximum allowed connection limit" in reading.gaps[0].why


@pytest.mark.parametrize("rules", [False, True])
def test_errors_of_the_server_are_tried_again(x: FakeX, rules: bool) -> None:
    x.refuse(503, times=3, rules=rules)
    with Reading(make(x)) as reading:
        x.wait_for_connection()
        x.feed(post(1))
        reading.wait_for_lines(1)
    assert reading.error is None


def test_a_server_that_is_not_there_is_tried_again(x: FakeX) -> None:
    port = int(x.url.rsplit(":", 1)[1])
    source = make(x)
    x.stop()
    with Reading(source) as reading:
        reading.until(lambda: source.last_error is not None, "in trouble")
        assert "refused" in str(source.last_error)
        with FakeX(token=CANARY, port=port) as again:
            again.wait_for_connection()
            again.feed(post(1))
            reading.wait_for_lines(1)
    assert "refused" in reading.gaps[0].why


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 302])
def test_what_trying_again_cannot_help_stops_it_at_once(x: FakeX, status: int) -> None:
    x.refuse(
        status, times=9, body={"title": "Reason", "detail": "why it is so"}, headers={"Location": "http://e.example"}
    )
    with Reading(make(x)) as reading:
        reading.join()
    assert isinstance(reading.error, SourceError)
    assert f"({status})" in str(reading.error)
    assert "Reason: why it is so" in str(reading.error)
    assert x.calls("GET", STREAM) == 1
    assert reading.items == []


@pytest.mark.parametrize(("skew_s", "said"), [(312, "312 s behind the server's"), (-90, "90 s ahead of"), (0, "agree")])
def test_at_401_the_clocks_are_compared(x: FakeX, skew_s: int, said: str) -> None:
    x.clock_skew_s = skew_s
    x.token = "another"
    with Reading(make(x)) as reading:
        reading.join()
    assert re.sub(r"31[123] s", "312 s", re.sub(r"(89|91) s", "90 s", str(reading.error))).count(said) == 1


def test_a_401_in_the_middle_ends_it_after_the_gap_is_recorded(x: FakeX) -> None:
    with Reading(make(x)) as reading:
        x.wait_for_connection()
        x.feed(post(1))
        reading.wait_for_lines(1)
        x.refuse(401)
        x.disconnect()
        reading.join()
    assert "(401)" in str(reading.error)
    [gap] = reading.gaps
    assert gap is reading.items[-1]


def test_an_error_of_ours_is_not_swallowed(x: FakeX, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> list[bytes]:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Splitter, "feed", broken)
    with Reading(make(x)) as reading:
        x.wait_for_connection()
        x.feed(post(1))
        reading.join()
    assert isinstance(reading.error, RuntimeError)
    x.wait_until_free()  # and the connection, which costs money, is closed


@pytest.mark.parametrize(("stable_s", "in_a_row"), [(60, [1, 2, 3]), (0, [1, 1, 1])])
def test_only_a_connection_that_stood_ends_a_row_of_failures(x: FakeX, stable_s: float, in_a_row: list[int]) -> None:
    seen = []

    class Noting(Policy):
        def wait_s(self, failed: Failed, failures: int, now: float, random: Callable[[], float]) -> float:
            seen.append(failures)
            return super().wait_s(failed, failures, now, random)

    with Reading(make(x, policy=Noting(*[Backoff(0.02, 0.2)] * 4), stable_s=stable_s)):
        for connections in range(3):
            x.wait_for_connection(after=connections)
            x.disconnect()
        x.wait_for_connection(after=3)
    assert seen == in_a_row


# -- starts and stops


def test_a_new_start_tells_the_gap_since_the_last_byte(x: FakeX) -> None:
    with Reading(make(x)) as first:
        x.wait_for_connection()
        x.feed(post(1))
        first.until(lambda: len(first.passed) >= 2, "keep-alives")
        stopped_at = time.time()
    x.wait_until_free()
    x.feed(post(2))
    time.sleep(0.3)
    with Reading(make(x), after=first.cursors[-1]) as second:
        x.wait_for_connection(after=1)
        x.feed(post(3))
        second.wait_for_lines(1)
    [gap] = second.gaps
    assert gap.why == "the collector was not running"
    assert gap.begin is not None
    assert gap.end is not None
    assert stopped_at - 0.3 < gap.begin.timestamp() <= x.missed[0][1]
    assert x.holes()[0][1] <= gap.end.timestamp()
    assert second.raw == [post(3)]


def test_a_clock_that_was_set_back_makes_no_hole_that_ends_before_it_begins(x: FakeX) -> None:
    with Reading(make(x), after=f"7@{int(time.time() + 500) * 1000}") as reading:
        x.wait_for_connection()
        x.feed(post(1))
        reading.wait_for_lines(1)
    [gap] = reading.gaps
    assert gap.begin is not None
    assert gap.begin == gap.end
    assert gap.begin.timestamp() <= time.time()
    assert reading.cursors[1].startswith("8@")


def test_the_first_start_has_missed_nothing(x: FakeX) -> None:
    with Reading(make(x)) as reading:
        x.wait_for_connection()
    assert reading.gaps == []


def test_ends_soon_after_a_stop_though_nothing_arrives() -> None:
    with FakeX(token=CANARY, keep_alive_s=60) as x, Reading(make(x, more=",silence_s=60")) as reading:
        x.wait_for_connection()
        time.sleep(0.2)
        assert reading.end() < 1
        assert reading.error is None
        x.wait_until_free()


def test_a_connection_that_is_over_leaves_no_thread(x: FakeX) -> None:
    def waiting() -> int:
        return sum(thread.name == "x stop" for thread in threading.enumerate())

    before = waiting()
    with Reading(make(x)) as reading:
        for connections in range(4):
            x.wait_for_connection(after=connections)
            x.disconnect()
        x.wait_for_connection(after=4)
        reading.until(lambda: waiting() <= before + 1, "only the last one's")
    reading.until(lambda: waiting() <= before, "none")


def test_a_long_gap_is_recorded_in_adjoining_pieces(x: FakeX) -> None:
    x.refuse(429, reset_in_s=1.2)
    with Reading(make(x, gap_every_s=0.3)) as reading:
        x.wait_for_connection()
        reading.until(lambda: reading.source.last_error is None, "connected")
    assert len(reading.gaps) >= 4
    for one, following in zip(reading.gaps, reading.gaps[1:], strict=False):
        assert one.end == following.begin
        assert following.why == one.why


def test_a_cursor_of_another_source_is_refused(x: FakeX) -> None:
    with Reading(make(x), after="0:1:2") as reading:
        reading.join()
    assert "invalid cursor" in str(reading.error)


# -- the token


def test_the_token_is_nowhere_in_what_is_said(x: FakeX, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said = []
    echo = {"title": f"bad Authorization: Bearer {CANARY}", "detail": CANARY}
    for status in (401, 403, 503, 429):
        x.refuse(status, body=echo, reset_in_s=0, headers={"X-Echo": CANARY})
        x.refuse(status, body=echo, rules=True)
        for _ in range(2):
            with Reading(make(x, policy=Policy(*[Backoff(9, 9)] * 4))) as reading:
                reading.until(lambda: bool(reading.source.last_error or reading.error), "in trouble")
                said += [str(reading.source.last_error), repr(reading.error), repr(vars(reading.source))]
            said += [repr(reading.items)]
    everything = caplog.text + "".join(said)
    assert "***" in everything
    assert CANARY not in everything


def test_without_a_token_nothing_is_asked(x: FakeX, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HASHTIDE_X_TOKEN_FILE")
    with Reading(make(x)) as reading:
        reading.join()
    assert isinstance(reading.error, SourceError)
    assert x.requests == []


def test_a_netrc_does_not_take_the_tokens_place(x: FakeX, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with Reading(make(x)):
        x.wait_for_connection()


# -- spending


def test_at_the_budgets_end_it_stops_says_so_and_goes_on_the_next_day(
    x: FakeX, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HASHTIDE_SPEND_FILE", str(tmp_path / "spend.json"))
    midnight = 1_800_057_600.0  # 2027-01-16T00:00:00Z
    begin = time.time()

    def clock() -> float:
        return midnight - 2.5 + time.time() - begin

    with Reading(make(x, more=",budget_day=5", clock=clock)) as reading:
        x.wait_for_connection()
        for n in range(5):
            x.feed(post(n))
        reading.wait_for_lines(5)
        reading.until(lambda: reading.source.last_error is not None, "held up")
        assert "budget of 5 posts a day is used up until 2027-01-16T00:00:00+00:00" in str(reading.source.last_error)
        x.wait_until_free()
        x.feed(post(6))
        assert x.missed
        x.wait_for_connection(after=1)
        x.feed(post(7))
        reading.wait_for_lines(6)
    assert reading.raw == [*(post(n) for n in range(5)), post(7)]
    [gap] = reading.gaps
    assert "budget of 5 posts a day" in gap.why
    assert gap.end is not None
    assert gap.end.timestamp() >= midnight
    assert "spent 4 of the budget of 5 posts a day" in caplog.text
    assert json.loads((tmp_path / "spend.json").read_text())["day"]["posts"] == 1


def test_a_budget_that_is_renewed_while_it_ends_leaves_a_gap_all_the_same(
    x: FakeX, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HASHTIDE_SPEND_FILE", str(tmp_path / "spend.json"))
    ends = iter([None, Exhausted("used up", utc(time.time())), None])
    monkeypatch.setattr(Spending, "exhausted", lambda _: next(ends, None))
    with Reading(make(x)) as reading:
        x.wait_for_connection()
        x.feed(post(1))
        x.wait_for_connection(after=1)
        reading.until(lambda: bool(reading.gaps), "a gap")
    [gap] = reading.gaps
    assert gap.why.startswith("used up")  # X may not have noticed at once that we had gone


def test_a_budget_without_a_file_to_keep_it_is_refused(x: FakeX) -> None:
    with Reading(make(x, more=",budget_day=5")) as reading:
        reading.join()
    assert "HASHTIDE_SPEND_FILE" in str(reading.error)
    assert x.requests == []
