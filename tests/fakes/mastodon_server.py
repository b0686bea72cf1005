"""A fake Mastodon server: its streaming API as server-sent events over real HTTP, with misbehaviour on command.

What it is fed goes to the one client that listens, else it is missed; both are written down with their times.
"""

import json
import math
import queue
import select
import socket
import struct
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

LOOK_INTERVAL_S = 0.02
STREAMS = ("/api/v1/streaming/public", "/api/v1/streaming/public/local", "/api/v1/streaming/hashtag")


def status(number: int, text: str, *, server: str = "mastodon.example", tags: Sequence[str] = ()) -> dict[str, Any]:
    """A made-up status."""
    now = time.time()
    return {
        "id": str(number),
        "created_at": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z",
        "language": "en",
        "uri": f"https://{server}/users/canary/statuses/{number}",
        "content": f"<p>{text}</p>",
        "account": {"username": "canary", "acct": "canary", "display_name": "Canary"},
        "tags": [{"name": tag, "url": f"https://{server}/tags/{tag}"} for tag in tags],
        "reblog": None,
    }


def event(name: str, payload: object, *, end: bytes = b"\n") -> bytes:
    """An event's bytes, without the blank line after it."""
    data = payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    return f"event: {name}".encode() + end + f"data: {data}".encode()


@dataclass
class Connection:
    """One client of the stream. Times are epoch seconds; it is closed when nothing more reached the client."""

    path: str
    query: dict[str, list[str]]
    opened_at: float
    closed_at: float = math.inf
    mute: bool = False
    waiting: "queue.SimpleQueue[_Send | _End]" = field(default_factory=queue.SimpleQueue)
    finished: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class _Send:
    event: bytes
    end: bytes
    pieces: tuple[int, ...]


@dataclass(frozen=True)
class _End:
    how: str
    torn: bytes = b""


@dataclass(frozen=True)
class _Refusal:
    status: int
    headers: dict[str, str]


class FakeMastodon:
    """The server: start() and stop(), or a context."""

    def __init__(self, *, token: str | None = None, thump_s: float = 0.5, port: int = 0) -> None:
        self.token = token
        self.thump_s = thump_s
        self.streaming: str | None = None  # another server that has the streams
        self.sent: list[tuple[bytes, float]] = []
        self.missed: list[tuple[bytes, float]] = []
        self.connections: list[Connection] = []
        self.asked: list[tuple[str, str | None]] = []  # path and Authorization of each request
        self._fed = 0
        self._refusals: list[_Refusal] = []
        self._changed = threading.Condition(threading.RLock())
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.fake = self

    @property
    def host(self) -> str:
        """`127.0.0.1:PORT`."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.host}"

    def start(self) -> Self:
        """Serves from now on."""
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Ends every connection, and frees the port."""
        self.end("cut")
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    # -- commands

    def feed(self, block: bytes, *, end: bytes = b"\n", pieces: Sequence[int] = ()) -> bool:
        """Sends one event, cut into packets at these bytes; False: nobody listens, it is missed."""
        with self._changed:
            self._fed += 1
            live = self._live()
            if live is None or live.mute:
                self.missed.append((block, time.time()))
                self._changed.notify_all()
                return False
            live.waiting.put(_Send(block, end, tuple(pieces)))
            return True

    def tear(self, block: bytes, *, at: int) -> None:
        """Sends the event's first `at` bytes, and cuts the connection."""
        self.end("cut", block[:at])

    def send_torn(self, piece: bytes) -> None:
        """The beginning of an event, and nothing after it for the moment."""
        with self._changed:
            live = self._live()
            if live is not None:
                live.waiting.put(_End("waits", piece))

    def end(self, how: str, torn: bytes = b"") -> None:
        """Ends the connection after what was fed before: `cut`, `reset`, or `politely`."""
        with self._changed:
            live = self._live()
            if live is None:
                return
            live.waiting.put(_End(how, torn))
        live.finished.wait(10)

    def mute(self) -> None:
        """Nothing more on this connection, not even thumps; it stays open."""
        with self._changed:
            self.drained()
            live = self._live()
            if live is not None:
                live.mute, live.closed_at = True, time.time()

    def refuse(self, status: int, *, times: int = 1, headers: dict[str, str] | None = None) -> None:
        """Answers the next calls of a stream so."""
        self._refusals += [_Refusal(status, headers or {})] * times

    def forgive(self) -> None:
        """No refusals any more."""
        self._refusals.clear()

    # -- what it has seen

    def wait_for_connection(self, within_s: float = 20.0, *, after: int = 0) -> Connection:
        """The open connection, when there have been more than `after`."""
        with self._changed:
            assert self._changed.wait_for(
                lambda: len(self.connections) > after and self._live() is not None, within_s
            ), f"nobody connected within {within_s} s; asked: {self.asked[-5:]}"
            live = self._live()
            assert live is not None
            return live

    def drained(self, within_s: float = 20.0) -> None:
        """Waits until each event fed is either sent or missed."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.sent) + len(self.missed) >= self._fed, within_s)

    def holes(self) -> list[tuple[float, float]]:
        """Between which times nobody was listening, after the first connection."""
        opened = [each.opened_at for each in self.connections[1:]] + [math.inf]
        ended = [each.closed_at for each in self.connections]
        return [hole for hole in zip(ended, opened, strict=False) if hole[0] < math.inf]

    # -- the handler's

    def _live(self) -> Connection | None:
        last = self.connections[-1] if self.connections else None
        return None if last is None or last.finished.is_set() else last

    def refusal(self) -> _Refusal | None:
        """The next one, taken off the list."""
        return self._refusals.pop(0) if self._refusals else None

    def connect(self, path: str, query: dict[str, list[str]]) -> Connection:
        """A new connection, which is told to all who wait for it."""
        with self._changed:
            self.connections.append(Connection(path, query, time.time()))
            self._changed.notify_all()
            return self.connections[-1]

    def note(self, block: bytes, *, arrived: bool) -> None:
        """What became of an event."""
        with self._changed:
            (self.sent if arrived else self.missed).append((block, time.time()))
            self._changed.notify_all()

    def close(self, connection: Connection) -> None:
        """The connection is over; what still waited was missed."""
        with self._changed:
            connection.closed_at = min(connection.closed_at, time.time())
            while not connection.waiting.empty():
                left = connection.waiting.get()
                if isinstance(left, _Send):
                    self.note(left.event, arrived=False)
            connection.finished.set()
            self._changed.notify_all()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    fake: FakeMastodon


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        """The instance's description, or a stream."""
        fake, url = self.server.fake, urlsplit(self.path)
        fake.asked.append((self.path, self.headers.get("Authorization")))
        if url.path == "/api/v2/instance":
            urls = {"streaming": fake.streaming} if fake.streaming else {}
            self._answer(200, {"domain": fake.host, "configuration": {"urls": urls}})
        elif url.path not in STREAMS:
            self._answer(404, {"error": "Not found"})
        elif (refused := fake.refusal()) is not None:
            self._answer(refused.status, {"error": "as told"}, refused.headers)
        elif fake.token is not None and self.headers.get("Authorization") != f"Bearer {fake.token}":
            self._answer(401, {"error": "Invalid access token"})
        else:
            self._stream(url.path, parse_qs(url.query))

    def _answer(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self, path: str, query: dict[str, list[str]]) -> None:
        fake = self.server.fake
        self.close_connection = True
        connection = fake.connect(path, query)
        try:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self._chunk(b":)\n")
            self._serve(connection)
        except OSError:
            pass  # the client has gone
        finally:
            fake.close(connection)

    def _serve(self, connection: Connection) -> None:
        quiet_since = time.monotonic()
        while not self._client_has_gone():
            try:
                item = connection.waiting.get(timeout=LOOK_INTERVAL_S)
            except queue.Empty:
                if not connection.mute and time.monotonic() - quiet_since >= self.server.fake.thump_s:
                    self._chunk(b":thump\n")
                    quiet_since = time.monotonic()
                continue
            if isinstance(item, _End):
                self._finish(item)
                if item.how == "waits":
                    continue
                return
            self._send(item)
            quiet_since = time.monotonic()

    def _send(self, item: _Send) -> None:
        raw = item.event + 2 * item.end
        edges = [0, *sorted(each for each in item.pieces if 0 < each < len(raw)), len(raw)]
        try:
            for begin, end in pairwise(edges):
                self._chunk(raw[begin:end])
                if end < len(raw):
                    time.sleep(0.002)  # a packet of its own
        except OSError:
            self.server.fake.note(item.event, arrived=False)
            raise
        self.server.fake.note(item.event, arrived=True)

    def _finish(self, end: _End) -> None:
        if end.torn:
            self._chunk(end.torn)
        if end.how == "waits":
            return
        if end.how == "politely":
            self.wfile.write(b"0\r\n\r\n")
        elif end.how == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        else:
            self.connection.shutdown(socket.SHUT_WR)

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def _client_has_gone(self) -> bool:
        readable, _, _ = select.select([self.connection], [], [], 0)
        return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)
