"""What every source promises that is somebody's stream: each one by its own server, through its address.

A new live source: one class here.
"""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from collecting.source_api import Source, SourceError, last_error_of
from tests.collecting.sources.reading import Reading, eventually, open_source
from tests.fakes.jetstream_server import FakeJetstream
from tests.fakes.jetstream_server import post as jetstream_post
from tests.fakes.mastodon_server import FakeMastodon, event, status
from tests.fakes.x_server import FakeX

TOKEN = "canary-token"


class Live:
    """A server and the address of the source that reads it.

    Attributes:
        keys: what the address needs to make the waits short.
    """

    address: str
    keys = ""

    def open(self, more: str = "") -> Source:
        """The source, as a collector opens it."""
        return open_source(f"{self.address}{self.keys}{more}")

    def send(self, text: str) -> bytes:
        """One post, once somebody listens; what is to be received."""
        raise NotImplementedError

    def stop(self) -> None:
        """Ends the server."""
        raise NotImplementedError


class Tcp(Live):
    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._clients: list[socket.socket] = []
        self.address = f"tcp:127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                self._clients.append(self._listener.accept()[0])
            except OSError:
                return

    def send(self, text: str) -> bytes:
        eventually(lambda: bool(self._clients), lambda: "nobody connected")
        for client in self._clients:
            try:
                client.sendall(f"{text}\r\n".encode())
            except OSError:
                continue  # one that was there before
        return text.encode()

    def stop(self) -> None:
        with contextlib.suppress(OSError):  # it was stopped before
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for client in self._clients:
            client.close()


class Jetstream(Live):
    keys = ",overlap_s=1"

    def __init__(self) -> None:
        self._server = FakeJetstream().start()
        self._sent = 0
        self.address = f"jetstream:{self._server.url}"

    def send(self, text: str) -> bytes:
        self._server.wait_for_connection()
        self._sent += 1
        self._server.feed(jetstream_post(self._sent, text))
        return self._server.raw(len(self._server.log.events) - 1)

    def stop(self) -> None:
        self._server.stop()


class Mastodon(Live):
    def __init__(self) -> None:
        self._server = FakeMastodon(thump_s=0.1).start()
        self._sent = 0
        self.address = f"mastodon:{self._server.url}"

    def send(self, text: str) -> bytes:
        self._server.wait_for_connection()
        self._sent += 1
        block = event("update", status(self._sent, text))
        self._server.feed(block)
        return block

    def stop(self) -> None:
        self._server.stop()


class X(Live):
    keys = ",terms=rain,silence_s=2"

    def __init__(self) -> None:
        self._server = FakeX(token=TOKEN, keep_alive_s=0.1).start()
        self._sent = 0
        self.address = f"x:url={self._server.url}"

    def send(self, text: str) -> bytes:
        self._server.wait_for_connection()
        self._sent += 1
        raw = json.dumps({"data": {"id": str(2**60 + self._sent), "text": text}}, ensure_ascii=False).encode()
        self._server.feed(raw)
        return raw

    def stop(self) -> None:
        self._server.stop()


@pytest.fixture(params=[Tcp, Jetstream, Mastodon, X], ids=lambda made: made.__name__.lower())
def live(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    token = tmp_path / "token"
    token.write_text(TOKEN)
    token.chmod(0o400)
    monkeypatch.setenv("HASHTIDE_X_TOKEN_FILE", str(token))
    made: Callable[[], Live] = request.param
    server = made()
    yield server
    server.stop()


def texts(begin: int, end: int) -> list[str]:
    return [f"rain {number} größer 日本 🐤 #tag" for number in range(begin, end)]


def test_what_is_sent_comes_byte_for_byte_in_order_and_each_at_a_cursor_of_its_own(live: Live) -> None:
    with Reading(live.open()) as reading:
        sent = [live.send(text) for text in texts(0, 50)]
        reading.wait_for_lines(50)
    assert reading.raw == sent
    assert len({line.cursor for line in reading.lines}) == 50
    assert reading.gaps == []


def test_what_came_while_nobody_read_comes_later_or_is_a_gap(live: Live) -> None:
    with Reading(live.open()) as reading:
        sent = [live.send(text) for text in texts(0, 3)]
        reading.wait_for_lines(3)
    left_at = time.time()
    time.sleep(0.3)
    came_back_at = time.time()
    with Reading(live.open(), reading.cursor) as again:
        time.sleep(0.5)
        sent += [live.send(text) for text in texts(3, 6)]
        eventually(lambda: again.raw[-1:] == sent[-1:], lambda: str(again.items))
    if again.gaps:
        (gap,) = again.gaps
        assert gap.begin is not None
        assert gap.end is not None
        assert gap.begin.timestamp() <= left_at
        assert gap.end.timestamp() >= came_back_at
        assert again.items.index(gap) < again.items.index(again.lines[0])
    assert list(dict.fromkeys([*reading.raw, *again.raw])) == sent  # those of before may come again


def test_what_the_spool_holds_does_not_come_again(live: Live) -> None:
    with Reading(live.open()) as reading:
        first = [live.send(text) for text in texts(0, 5)]
        reading.wait_for_lines(5)
    source = live.open()
    if source.cursor_inclusive:
        source.skip(reading.lines)  # type: ignore[attr-defined]
    with Reading(source, reading.cursor) as again:
        time.sleep(0.5)
        second = [live.send(text) for text in texts(5, 10)]
        again.wait_for_lines(5)
        time.sleep(0.2)
    assert again.raw == second
    assert not set(first) & set(again.raw)


def test_a_stop_is_quick_while_the_server_is_silent(live: Live) -> None:
    with Reading(live.open()) as reading:
        live.send("rain")
        reading.wait_for_lines(1)
        time.sleep(0.3)
        began_s = time.monotonic()
    assert time.monotonic() - began_s < 2


def test_what_holds_it_up_is_said_and_a_stop_is_quick_then_too(live: Live) -> None:
    live.stop()
    source = live.open()
    with Reading(source):
        eventually(lambda: last_error_of(source) is not None, lambda: "no trouble")
        began_s = time.monotonic()
    assert time.monotonic() - began_s < 2
    assert "\n" not in str(last_error_of(source))


def test_it_is_in_no_trouble_while_it_reads(live: Live) -> None:
    source = live.open()
    with Reading(source) as reading:
        live.send("rain")
        reading.wait_for_lines(1)
        assert last_error_of(source) is None


def test_the_address_gives_the_slug(live: Live) -> None:
    source_id = live.open().source_id
    assert source_id == live.open(",limit=5,duration_s=9").source_id
    assert len(source_id) < 80
    assert source_id.replace("-", "").replace(".", "").replace("_", "").isalnum()


def test_a_cursor_of_another_source_is_refused(live: Live) -> None:
    with pytest.raises(SourceError, match="cursor"):
        list(live.open().read("no cursor at all", threading.Event()))


def test_what_is_not_asked_for_is_left_out_whoever_sees_to_it(live: Live) -> None:
    located = live.open(",located=1")
    with Reading(located) as reading:
        for text in texts(0, 5):
            live.send(text)
        time.sleep(0.5)
    assert reading.raw == []


def test_a_limit_ends_it(live: Live) -> None:
    with Reading(live.open(",limit=3")) as reading:
        sent = [live.send(text) for text in texts(0, 3)]
        eventually(lambda: not reading._thread.is_alive(), lambda: f"still reading: {reading.items}")
    assert reading.raw == sent


def test_it_reads_beside_another_one(live: Live, tmp_path: Path) -> None:
    (tmp_path / "lines").write_text("from a file\n" * 20)
    both = open_source(f"{live.address}{live.keys}", f"file:{tmp_path}/lines")
    with Reading(both) as reading:
        sent = [live.send(text) for text in texts(0, 20)]
        reading.wait_for_lines(40)
    assert [raw for raw in reading.raw if raw != b"from a file"] == sent
