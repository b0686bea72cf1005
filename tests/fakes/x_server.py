"""A fake X at the edge of the internet: API v2's filtered stream and its rules, over real HTTP/1.1 on loopback.

    with FakeX(token="canary", keep_alive_s=0.2) as x:
        x.url                          # http://127.0.0.1:PORT, what the address's key `url` takes
        x.wait_for_connection()        # the Connection that is open now
        x.feed(b'{"data":…}')          # one line, bytes or what json.dumps takes, to the open connection; CRLF is added
        x.feed(line, pieces=[3, 700])  # cut into chunks at these bytes, may be inside of a UTF-8 character
        x.tear(line, at=40)            # the line's first 40 bytes, then the connection is cut
        x.disconnect()                 # cut: no last chunk. politely=True: ended as HTTP ends. reset=True: RST, what is
                                       # under way may be lost. message=…: a line before (x.OPERATIONAL_DISCONNECT)
        x.mute()                       # the connection stays open and sends nothing any more, no keep-alive either
        x.refuse(429, times=2, reset_in_s=1)   # the next two connects; with rules=True the next calls of the rules
        x.refuse(401); x.refuse(503, times=3); x.refuse(429, body=x.TOO_MANY_CONNECTIONS)
        x.clock_skew_s = 312           # what its Date header is ahead of this machine's clock
        x.rules                        # {id: {"value", "tag"}}, may be set
        x.requests                     # (method, path, query) of all calls; calls("GET", STREAM) counts them
        x.sent, x.missed               # (line, time) in order: went out; fed while nobody listened, or to a mute one
        x.holes()                      # (from, to) between connections, epoch seconds; inf while nobody is back

A line counts as sent when the kernel took it: one that is sent while the client is closing is not received, so call
`drained()` before you end a client. After `mute()` and until the client is back everything is missed. Like X it allows
one connection at a time (429, TooManyConnections) and none without rules (409). A duplicate: feed a line again.
All methods may be called from any thread; `feed` never waits for the client, `drained()` does.
"""

import itertools
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
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from tests.fakes.x_rules import InvalidRule, tokens

STREAM, RULES = "/2/tweets/search/stream", "/2/tweets/search/stream/rules"
MOST_RULES = 1000
LOOK_INTERVAL_S = 0.02
TOO_MANY_CONNECTIONS = {
    "title": "ConnectionException",
    "detail": "This stream is currently at the maximum allowed connection limit.",
    "connection_issue": "TooManyConnections",
    "type": "https://api.twitter.com/2/problems/streaming-connection",
}
NO_RULES = {
    "title": "ConnectionException",
    "detail": "Rules must be configured for this stream before connecting.",
    "connection_issue": "RuleConfigurationIssue",
    "type": "https://api.twitter.com/2/problems/streaming-connection",
}
OPERATIONAL_DISCONNECT = {
    "errors": [
        {
            "title": "operational-disconnect",
            "disconnect_type": "OperationalDisconnect",
            "detail": "This stream has been disconnected for operational reasons.",
            "type": "https://api.twitter.com/2/problems/operational-disconnect",
        }
    ]
}
_TITLES = {400: "Invalid Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 429: "Too Many Requests"}


@dataclass
class Connection:
    """One client on the stream. Times are epoch seconds."""

    opened_at: float
    closed_at: float = math.inf  # from here on nothing more reached the client: cut, or muted
    mute: bool = False
    waiting: "queue.SimpleQueue[_Send | _End]" = field(default_factory=queue.SimpleQueue)
    finished: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class _Send:
    line: bytes
    pieces: tuple[int, ...] = ()


@dataclass(frozen=True)
class _End:
    how: str  # cut, politely, reset
    torn: bytes = b""


@dataclass
class _Refusal:
    status: int
    headers: dict[str, str]
    body: object
    rules: bool


class FakeX:
    """The server: start() and stop(), or a context. See the module's text for its commands."""

    OPERATIONAL_DISCONNECT = OPERATIONAL_DISCONNECT
    TOO_MANY_CONNECTIONS = TOO_MANY_CONNECTIONS

    def __init__(self, *, token: str = "canary", keep_alive_s: float = 0.5, port: int = 0) -> None:  # noqa: S107
        self.token = token
        self.keep_alive_s = keep_alive_s
        self.clock_skew_s = 0.0
        self.rules: dict[str, dict[str, str]] = {}
        self.requests: list[tuple[str, str, dict[str, list[str]]]] = []
        self.sent: list[tuple[bytes, float]] = []
        self.missed: list[tuple[bytes, float]] = []
        self.connections: list[Connection] = []
        self.fed = 0
        self._refusals: list[_Refusal] = []
        self._next_rule = 1
        self._changed = threading.Condition(threading.RLock())
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.fake = self

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> Self:
        """Serves from now on."""
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Ends every connection, and frees the port."""
        self.disconnect()
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    # -- commands

    def feed(self, line: object, *, pieces: Sequence[int] = ()) -> bool:
        """Sends one line, if somebody listens; False: it was missed."""
        raw = line if isinstance(line, bytes) else json.dumps(line, ensure_ascii=False).encode()
        with self._changed:
            self.fed += 1
            live = self._live()
            if live is None or live.mute:
                self.missed.append((raw, time.time()))
                self._changed.notify_all()
                return False
            live.waiting.put(_Send(raw, tuple(pieces)))
            return True

    def tear(self, line: bytes, *, at: int) -> None:
        """Sends the line's first `at` bytes, and cuts the connection."""
        self._end("cut", line[:at])

    def disconnect(self, *, politely: bool = False, reset: bool = False, message: object = None) -> None:
        """Ends the connection, after what was fed before."""
        if message is not None:
            self.feed(message)
        self._end("politely" if politely else "reset" if reset else "cut")

    def mute(self) -> None:
        """Nothing more on this connection, and it stays open."""
        with self._changed:
            self.drained()
            live = self._live()
            if live is not None:
                live.mute, live.closed_at = True, time.time()

    def refuse(
        self,
        status: int,
        *,
        times: int = 1,
        reset_in_s: float | None = None,
        headers: dict[str, str] | None = None,
        body: object = None,
        rules: bool = False,
    ) -> None:
        """Answers the next calls (of the stream, or with `rules` of the rules) with this status."""
        extra = dict(headers or {})
        if reset_in_s is not None:
            extra["x-rate-limit-reset"] = str(math.ceil(time.time() + self.clock_skew_s + reset_in_s))
        content = body or {"title": _TITLES.get(status, "Error"), "status": status, "type": "about:blank"}
        with self._changed:
            self._refusals += [_Refusal(status, extra, content, rules)] * times

    # -- what it has seen

    def wait_for_connection(self, within_s: float = 20.0, *, after: int = 0) -> Connection:
        """The open connection, when there is one, and when there have been more than `after` of them."""
        with self._changed:
            assert self._changed.wait_for(
                lambda: self._live() is not None and len(self.connections) > after, within_s
            ), f"nobody connected within {within_s} s; seen: {self.requests[-5:]}"
            live = self._live()
            assert live is not None
            return live

    def wait_until_free(self, within_s: float = 20.0) -> None:
        """Until nobody is connected."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._live() is None, within_s), "somebody is still connected"

    def drained(self, within_s: float = 20.0) -> None:
        """Waits until each line fed is either sent or missed."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.sent) + len(self.missed) >= self.fed, within_s), (
                f"{self.fed} fed, {len(self.sent)} sent, {len(self.missed)} missed"
            )

    def calls(self, method: str, path: str) -> int:
        """How many requests of this kind came."""
        return sum((verb, route) == (method, path) for verb, route, _ in self.requests)

    def holes(self) -> list[tuple[float, float]]:
        """Between which times nobody was connected, after the first connection."""
        opened = [each.opened_at for each in self.connections[1:]] + [math.inf]
        ended = [each.closed_at for each in self.connections]
        return [hole for hole in zip(ended, opened, strict=False) if hole[0] < math.inf]

    # -- inside

    def _live(self) -> Connection | None:
        last = self.connections[-1] if self.connections else None
        return None if last is None or last.finished.is_set() else last

    def _end(self, how: str, torn: bytes = b"") -> None:
        with self._changed:
            live = self._live()
            if live is None:
                return
            live.waiting.put(_End(how, torn))
        live.finished.wait(20)

    def connect(self) -> Connection | tuple[int, dict[str, str], object]:
        """The handler's: a new connection, or why not."""
        with self._changed:
            if self._live() is not None:
                return 429, {}, TOO_MANY_CONNECTIONS
            if not self.rules:
                return 409, {}, NO_RULES
            self.connections.append(Connection(time.time()))
            self._changed.notify_all()
            return self.connections[-1]

    def refusal(self, *, rules: bool) -> tuple[int, dict[str, str], object] | None:
        """The handler's: the next refusal for such a call, taken off the list."""
        with self._changed:
            for each in self._refusals:
                if each.rules == rules:
                    self._refusals.remove(each)
                    return each.status, each.headers, each.body
        return None

    def note(self, line: bytes, *, arrived: bool) -> None:
        """The handler's: what became of a line."""
        with self._changed:
            (self.sent if arrived else self.missed).append((line, time.time()))
            self._changed.notify_all()

    def close(self, connection: Connection) -> None:
        """The handler's: the connection is over; what still waited was missed."""
        with self._changed:
            connection.closed_at = min(connection.closed_at, time.time())
            while not connection.waiting.empty():
                left = connection.waiting.get()
                if isinstance(left, _Send):
                    self.note(left.line, arrived=False)
            connection.finished.set()
            self._changed.notify_all()

    def change_rules(self, asked: dict[str, Any], *, dry_run: bool) -> tuple[int, dict[str, Any]]:
        """The handler's: POST of rules."""
        with self._changed:
            if "delete" in asked:
                ids = [str(each) for each in asked["delete"]["ids"]]
                known = [each for each in ids if each in self.rules]
                for each in known if not dry_run else []:
                    del self.rules[each]
                return 200, {"meta": {"summary": {"deleted": len(known), "not_deleted": len(ids) - len(known)}}}
            return self._add_rules(asked["add"], dry_run=dry_run)

    def _add_rules(self, wanted: list[dict[str, str]], *, dry_run: bool) -> tuple[int, dict[str, Any]]:
        errors: list[dict[str, Any]] = []
        added: dict[str, dict[str, str]] = {}
        for rule in wanted:
            try:
                tokens(rule["value"])
            except InvalidRule as error:
                errors.append({"title": "UnprocessableEntity", "value": rule["value"], "details": [str(error)]})
                continue
            if rule["value"] in [each["value"] for each in (self.rules | added).values()]:
                errors.append({"title": "DuplicateRule", "value": rule["value"]})
                continue
            added[str(self._next_rule)] = rule
            self._next_rule += 1
        if len(self.rules) + len(added) > MOST_RULES:
            return 422, {"title": "RulesCapExceeded", "detail": f"The cap of {MOST_RULES} rules would be exceeded."}
        if errors:  # X adds none of a call in which one is wrong
            added = {}
        if not dry_run:
            self.rules |= added
        summary = {"created": len(added), "not_created": len(wanted) - len(added), "invalid": len(errors)}
        body: dict[str, Any] = {"meta": {"summary": summary}}
        body |= {"data": [{"id": key} | rule for key, rule in added.items()]} if added else {}
        body |= {"errors": errors} if errors else {}
        return (201 if added or not errors else 400), body


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    fake: FakeX


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The Date header, by the fake's own clock."""
        return super().date_time_string((timestamp or time.time()) + self.server.fake.clock_skew_s)

    def do_GET(self) -> None:
        """The stream, or the rules."""
        path = self._arrived()
        if path == STREAM:
            self._stream()
        elif path == RULES:
            rules = [{"id": key} | rule for key, rule in self.server.fake.rules.items()]
            self._answer(200, {}, ({"data": rules} if rules else {}) | {"meta": {"result_count": len(rules)}})

    def do_POST(self) -> None:
        """A change of rules."""
        asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        if self._arrived() == RULES:
            dry_run = "dry_run=true" in self.path.lower()
            status, body = self.server.fake.change_rules(asked, dry_run=dry_run)
            self._answer(status, {}, body)

    def _arrived(self) -> str | None:
        """Notes the request; None where it is answered already."""
        fake, parts = self.server.fake, urlsplit(self.path)
        fake.requests.append((self.command, parts.path, parse_qs(parts.query)))
        refused = fake.refusal(rules=parts.path == RULES)
        if refused is not None:
            self._answer(*refused)
        elif self.headers.get("Authorization") != f"Bearer {fake.token}":
            self._answer(401, {}, {"title": "Unauthorized", "status": 401, "detail": "Unauthorized"})
        elif parts.path not in (STREAM, RULES):
            self._answer(404, {}, {"title": "Not Found", "status": 404})
        else:
            return parts.path
        return None

    def _answer(self, status: int, headers: dict[str, str], body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self) -> None:
        fake = self.server.fake
        opened = fake.connect()
        if not isinstance(opened, Connection):
            self._answer(*opened)
            return
        self.close_connection = True
        try:
            self.send_response(200)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self._serve(opened)
        except OSError:
            pass  # the client has gone
        finally:
            fake.close(opened)

    def _serve(self, connection: Connection) -> None:
        fake, quiet_since = self.server.fake, time.monotonic()
        while not self._client_has_gone():
            try:
                item = connection.waiting.get(timeout=LOOK_INTERVAL_S)
            except queue.Empty:
                if not connection.mute and time.monotonic() - quiet_since >= fake.keep_alive_s:
                    self._chunk(b"\r\n")
                    quiet_since = time.monotonic()
                continue
            if isinstance(item, _End):
                self._finish(item)
                return
            self._send(item)
            quiet_since = time.monotonic()

    def _send(self, item: _Send) -> None:
        raw = item.line + b"\r\n"
        edges = [0, *sorted(each for each in item.pieces if 0 < each < len(raw)), len(raw)]
        try:
            for begin, end in itertools.pairwise(edges):
                self._chunk(raw[begin:end])
                if end < len(raw):
                    time.sleep(0.002)  # a packet of its own
        except OSError:
            self.server.fake.note(item.line, arrived=False)
            raise
        self.server.fake.note(item.line, arrived=True)

    def _finish(self, end: _End) -> None:
        if end.torn:
            self._chunk(end.torn)
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
