"""The client of a line server, against real sockets that behave and misbehave."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from collecting.source_api import Gap, Item, Line, Source, SourceError
from collecting.sources import tcp
from collecting.sources.tcp import TcpSource
from tests.collecting.sources.reading import open_source

MS = timedelta(milliseconds=1)


class LineServer:
    """Sends the pieces of each script to one client after another, then closes; None resets the connection."""

    def __init__(self, *scripts: list[bytes | float | None]) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.scripts = scripts
        self.served = 0
        self.closed_at: list[datetime] = []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        for script in self.scripts:
            client, _ = self.listener.accept()
            self.served += 1
            for piece in script:
                if piece is None:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                elif isinstance(piece, float):
                    time.sleep(piece)
                else:
                    client.sendall(piece)
            client.close()
            self.closed_at.append(datetime.now(UTC))
        self.listener.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., LineServer]]:
    servers: list[LineServer] = []

    def one(*scripts: list[bytes | float | None]) -> LineServer:
        servers.append(LineServer(*scripts))
        return servers[-1]

    yield one
    for server in servers:
        server.listener.close()


def read(address: str, after: str | None = None) -> list[Item]:
    return list(open_source(address).read(after, threading.Event()))


def raws(items: list[Item]) -> list[bytes]:
    return [item.raw for item in items if isinstance(item, Line)]


def test_lines_come_as_they_were_sent_however_the_network_cuts_them(serve: Callable[..., LineServer]) -> None:
    content = "één\r\nzwei\n\n漢字 #tag\nlast, no end".encode()
    server = serve([bytes([each]) for each in content])
    assert raws(read(f"tcp:127.0.0.1:{server.port},ends=1")) == [
        "één".encode(), b"zwei", b"", "漢字 #tag".encode(), b"last, no end",
    ]  # fmt: skip


def test_a_line_of_a_megabyte_is_a_line(serve: Callable[..., LineServer]) -> None:
    long = b"x" * 1_000_000
    server = serve([long + b"\nnext\n"])
    assert raws(read(f"tcp:127.0.0.1:{server.port},ends=1")) == [long, b"next"]


def test_a_line_beyond_any_measure_is_left_out_and_said(
    serve: Callable[..., LineServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp, "MAX_LINE_BYTES", 1000)
    server = serve([b"a\n" + b"x" * 1001 + b"\n" + b"y" * 1000 + b"\nlast"])
    items = read(f"tcp:127.0.0.1:{server.port},ends=1")
    assert raws(items) == [b"a", b"y" * 1000, b"last"]
    (gap,) = [item for item in items if isinstance(item, Gap)]
    assert gap.why.endswith("a line of 1001 bytes is left out")


def test_many_small_lines_take_no_time(serve: Callable[..., LineServer]) -> None:
    server = serve([b"line\n" * 300_000])
    began_s = time.monotonic()
    assert len(read(f"tcp:127.0.0.1:{server.port},ends=1")) == 300_000
    assert time.monotonic() - began_s < 30


@pytest.mark.parametrize("ending", [[], [None]], ids=["closed", "reset"])
def test_a_connection_that_ends_is_opened_anew_and_the_time_between_is_a_gap(
    serve: Callable[..., LineServer], ending: list[None]
) -> None:
    server = serve([b"one\n", 0.1, *ending], [b"two\n", 0.1, *ending], [b"three\n", 5.0])
    began = datetime.now(UTC)
    items = list(islice(open_source(f"tcp:127.0.0.1:{server.port}").read(None, threading.Event()), 5))
    assert raws(items) == [b"one", b"two", b"three"]
    first, second = items[1], items[3]
    assert isinstance(first, Gap)
    assert isinstance(second, Gap)
    assert first.begin is not None
    assert first.end is not None
    assert second.begin is not None
    assert began - MS < first.begin < first.end < second.begin < datetime.now(UTC)  # cut to milliseconds
    assert abs((first.begin - server.closed_at[0]).total_seconds()) < 0.5


def test_no_two_lines_have_one_cursor_over_all_connections(serve: Callable[..., LineServer]) -> None:
    server = serve([b"same\n" * 3], [b"same\n" * 3], [5.0])
    items = list(islice(open_source(f"tcp:127.0.0.1:{server.port}").read(None, threading.Event()), 7))
    cursors = [item.cursor for item in items if isinstance(item, Line)]
    assert len(set(cursors)) == len(cursors) == 6


def test_picked_up_again_it_counts_on_and_says_since_when_it_was_away(serve: Callable[..., LineServer]) -> None:
    first = serve([b"one\ntwo\n"])
    items = read(f"tcp:127.0.0.1:{first.port},ends=1")
    time.sleep(0.3)
    second = serve([b"three\n"])
    again = read(f"tcp:127.0.0.1:{second.port},ends=1", items[-1].cursor)
    gap, line = again
    assert isinstance(gap, Gap)
    assert gap.begin is not None
    assert gap.end is not None
    assert (gap.end - gap.begin).total_seconds() >= 0.3
    assert line.cursor.startswith("3@")
    assert gap.cursor.startswith("2@")


def test_a_server_that_is_not_there_yet_is_waited_for_and_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    source = open_source(f"tcp:127.0.0.1:{port}")
    stop = threading.Event()
    found: list[Item] = []
    reading = threading.Thread(target=lambda: found.extend(islice(source.read(None, stop), 1)))
    reading.start()
    eventually(lambda: "cannot be reached" in str(source.last_error))  # type: ignore[attr-defined]
    with socket.create_server(("127.0.0.1", port)) as listener:
        client, _ = listener.accept()
        client.sendall(b"here\n")
        reading.join(timeout=20)
        client.close()
    assert raws(found) == [b"here"]
    assert source.last_error is None  # type: ignore[attr-defined]


@pytest.mark.parametrize("script", [[5.0], [b"half a li", 5.0]], ids=["silent", "in the middle of a line"])
def test_a_stop_is_quick_whatever_the_server_does(
    serve: Callable[..., LineServer], script: list[bytes | float | None]
) -> None:
    server = serve(script)
    stop = threading.Event()
    reading = threading.Thread(target=lambda: list(open_source(f"tcp:127.0.0.1:{server.port}").read(None, stop)))
    reading.start()
    eventually(lambda: server.served == 1)
    stop.set()
    began_s = time.monotonic()
    reading.join(timeout=10)
    assert time.monotonic() - began_s < 2


def test_a_limit_ends_it_and_closes_the_connection(serve: Callable[..., LineServer]) -> None:
    server = serve([b"line\n" * 100, 0.2])
    assert len(read(f"tcp:127.0.0.1:{server.port},limit=7")) == 7


def test_a_time_ends_it(serve: Callable[..., LineServer]) -> None:
    server = serve([b"line\n", 5.0])
    began_s = time.monotonic()
    assert raws(read(f"tcp:127.0.0.1:{server.port},duration_s=0.5")) == [b"line"]
    assert time.monotonic() - began_s < 3


def test_the_dialect_is_the_address_s_or_unknown(serve: Callable[..., LineServer]) -> None:
    server = serve([b"a\n"], [b"a\n"])
    lines = [read(f"tcp:127.0.0.1:{server.port},ends=1{more}")[0] for more in ("", ",dialect=x")]
    assert [line.dialect for line in lines if isinstance(line, Line)] == [None, "x"]


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("tcp", "expected one HOST:PORT"),
        ("tcp:localhost", "'localhost' is no HOST:PORT"),
        ("tcp:localhost:0", "is no HOST:PORT"),
        ("tcp:localhost:65536", "is no HOST:PORT"),
        ("tcp:a:1,b:2", "expected one HOST:PORT"),
        ("tcp:::1:5555", "is no HOST:PORT"),
        ("tcp:a:1,dialect=y", "unknown dialect=y; allowed: "),
        ("tcp:a:1,ends=2", "ends=2 is neither"),
        ("tcp:a:1,retry=2", "unknown key 'retry'"),
    ],
)
def test_a_wrong_address_is_refused(address: str, why: str) -> None:
    with pytest.raises(SourceError) as refusal:
        open_source(address)
    assert why in str(refusal.value)


def test_an_address_of_ipv6_stands_in_brackets() -> None:
    assert open_source("tcp:[::1]:5555").source_id != open_source("tcp:localhost:5555").source_id


@pytest.mark.parametrize("cursor", ["", "5", "5@", "@5", "a@b", "1@2@3"])
def test_a_cursor_of_another_source_is_refused(cursor: str) -> None:
    source: Source = TcpSource("127.0.0.1", 9)
    with pytest.raises(SourceError, match="invalid cursor"):
        list(source.read(cursor, threading.Event()))


def eventually(condition: Callable[[], bool], within_s: float = 20) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)
