"""A streaming HTTP/1.1 server on loopback that misbehaves on command: what the fakes of X and Mastodon share.

One client at a time listens. What is fed goes to it or is missed; both are recorded with their times (epoch seconds).
All methods may be called from any thread; `feed` never waits for the client, `drained` does.

A block counts as sent when the kernel took it: one that is sent while the client is closing is not received, so call
`drained` before you end a client. After `mute` and until the client is back everything is missed.
"""

import json
import math
import queue
import select
import socket
import struct
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from types import TracebackType
from typing import Self

POLL_INTERVAL_S = 0.02
BETWEEN_PIECES_S = 0.002  # so that each piece is a packet of its own


@dataclass
class Connection:
    """One client on the stream.

    Attributes:
        opened_at: epoch seconds.
        closed_at: from here on nothing more reached the client: the connection was cut, or muted.
        path, query: of its request.
    """

    opened_at: float
    closed_at: float = math.inf
    path: str = ""
    query: Mapping[str, list[str]] = field(default_factory=dict)
    mute: bool = False
    waiting: "queue.SimpleQueue[Block | End]" = field(default_factory=queue.SimpleQueue)
    finished: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Block:
    """What is fed at once, how it ends on the wire, and the bytes at which it is cut into packets."""

    raw: bytes
    end: bytes
    pieces: tuple[int, ...] = ()


@dataclass(frozen=True)
class End:
    """How a connection ends: `cut`, `politely`, `reset`; or `pause`: only `torn` is sent, and the connection stays."""

    how: str
    torn: bytes = b""


class MisbehavingStream:
    """The server: start() and stop(), or a context."""

    def __init__(self, handler: type["StreamHandler"], *, port: int, keep_alive: bytes, keep_alive_s: float) -> None:
        self.keep_alive = keep_alive
        self.keep_alive_s = keep_alive_s
        self.sent: list[tuple[bytes, float]] = []
        self.missed: list[tuple[bytes, float]] = []
        self.connections: list[Connection] = []
        self.fed = 0
        self.changed = threading.Condition(threading.RLock())
        self._server = _Server(("127.0.0.1", port), handler)
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

    def feed_block(self, block: Block) -> bool:
        """Sends one block if somebody listens; False: it was missed."""
        with self.changed:
            self.fed += 1
            live = self.live()
            if live is None or live.mute:
                self.record(block.raw, arrived=False)
                return False
            live.waiting.put(block)
            return True

    def tear(self, raw: bytes, *, at: int) -> None:
        """Sends the first `at` bytes of a block, and cuts the connection."""
        self.end("cut", raw[:at])

    def end(self, how: str, torn: bytes = b"") -> None:
        """Ends the connection after what was fed before, see `End`."""
        with self.changed:
            live = self.live()
            if live is None:
                return
            live.waiting.put(End(how, torn))
        if how != "pause":
            live.finished.wait(20)

    def mute(self) -> None:
        """Nothing more on this connection, no keep-alive either; it stays open."""
        with self.changed:
            self.drained()
            live = self.live()
            if live is not None:
                live.mute, live.closed_at = True, time.time()

    # -- what it has seen

    def wait_for_connection(self, within_s: float = 20.0, *, after: int = 0) -> Connection:
        """The open connection, once there have been more than `after` of them."""
        with self.changed:
            ready = self.changed.wait_for(lambda: self.live() is not None and len(self.connections) > after, within_s)
            live = self.live()
            assert ready, f"nobody connected within {within_s} s; requests: {self.requests_seen()[-5:]}"
            assert live is not None
            return live

    def wait_until_free(self, within_s: float = 20.0) -> None:
        """Until nobody is connected."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.live() is None, within_s), "somebody is still connected"

    def drained(self, within_s: float = 20.0) -> None:
        """Waits until everything fed is either sent or missed."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.sent) + len(self.missed) >= self.fed, within_s), (
                f"{self.fed} fed, {len(self.sent)} sent, {len(self.missed)} missed"
            )

    def holes(self) -> list[tuple[float, float]]:
        """Between which times nobody was connected, after the first connection; inf while nobody is back."""
        opened = [each.opened_at for each in self.connections[1:]] + [math.inf]
        ended = [each.closed_at for each in self.connections]
        return [hole for hole in zip(ended, opened, strict=False) if hole[0] < math.inf]

    def requests_seen(self) -> Sequence[object]:
        """Every request so far, for messages."""
        raise NotImplementedError

    # -- for handlers and subclasses

    def live(self) -> Connection | None:
        """The connection that is open now."""
        last = self.connections[-1] if self.connections else None
        return None if last is None or last.finished.is_set() else last

    def opened(self, path: str, query: Mapping[str, list[str]]) -> Connection:
        """A new connection, announced to all who wait for it."""
        with self.changed:
            self.connections.append(Connection(time.time(), path=path, query=query))
            self.changed.notify_all()
            return self.connections[-1]

    def record(self, raw: bytes, *, arrived: bool) -> None:
        """What became of a block."""
        with self.changed:
            (self.sent if arrived else self.missed).append((raw, time.time()))
            self.changed.notify_all()

    def close(self, connection: Connection) -> None:
        """The connection is over; what still waited was missed."""
        with self.changed:
            connection.closed_at = min(connection.closed_at, time.time())
            while not connection.waiting.empty():
                left = connection.waiting.get()
                if isinstance(left, Block):
                    self.record(left.raw, arrived=False)
            connection.finished.set()
            self.changed.notify_all()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    fake: MisbehavingStream


class StreamHandler(BaseHTTPRequestHandler):
    """Answers in JSON, and streams what the server is fed; subclasses decide what a request gets."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def answer(self, status: int, body: object, headers: Mapping[str, str] | None = None) -> None:
        """One whole JSON answer."""
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def stream(self, connection: Connection, content_type: str, greeting: bytes = b"") -> None:
        """Serves the connection until one of the two ends it."""
        self.close_connection = True
        try:
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            if greeting:
                self._chunk(greeting)
            self._serve(connection)
        except OSError:
            pass  # the client has gone
        finally:
            self.server.fake.close(connection)

    def _serve(self, connection: Connection) -> None:
        fake, quiet_since = self.server.fake, time.monotonic()
        while not self._client_has_gone():
            try:
                item = connection.waiting.get(timeout=POLL_INTERVAL_S)
            except queue.Empty:
                if not connection.mute and time.monotonic() - quiet_since >= fake.keep_alive_s:
                    self._chunk(fake.keep_alive)
                    quiet_since = time.monotonic()
                continue
            if isinstance(item, Block):
                self._send(item)
                quiet_since = time.monotonic()
            elif self._ended(item):
                return

    def _send(self, block: Block) -> None:
        raw = block.raw + block.end
        edges = [0, *sorted(each for each in block.pieces if 0 < each < len(raw)), len(raw)]
        try:
            for begin, end in pairwise(edges):
                self._chunk(raw[begin:end])
                if end < len(raw):
                    time.sleep(BETWEEN_PIECES_S)
        except OSError:
            self.server.fake.record(block.raw, arrived=False)
            raise
        self.server.fake.record(block.raw, arrived=True)

    def _ended(self, end: End) -> bool:
        if end.torn:
            self._chunk(end.torn)
        if end.how == "politely":
            self.wfile.write(b"0\r\n\r\n")
        elif end.how == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        elif end.how == "cut":
            self.connection.shutdown(socket.SHUT_WR)
        return end.how != "pause"

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def _client_has_gone(self) -> bool:
        readable, _, _ = select.select([self.connection], [], [], 0)
        return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)
