"""A fake Jetstream: version 1 of its wire over a real websocket, with a store, cursors and misbehaviour on command.

An `EventLog` is what the network said; several servers may tell of the same one, each by its own clock. A connection
gets what the log holds from its cursor on, then what comes; cursors older than the log are clamped without a word, or
refused as version 2 does.
"""

import json
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

LOOK_INTERVAL_S = 0.02


def post(number: int, text: str, *, did: str = "did:plc:canary", **record: Any) -> dict[str, Any]:
    """A made-up post; its time is the log's to say."""
    return {
        "did": did,
        "kind": "commit",
        "commit": {
            "rev": f"rev{number:09d}",
            "operation": "create",
            "collection": "app.bsky.feed.post",
            "rkey": f"key{number:09d}",
            "record": {"$type": "app.bsky.feed.post", "text": text, "langs": ["en"], **record},
            "cid": "bafycanary",
        },
    }


class EventLog:
    """Events in the order of their times, microseconds, which differ by 1 at least."""

    def __init__(self) -> None:
        self.events: list[tuple[int, dict[str, Any] | bytes]] = []
        self.forgotten = 0  # how many of the first ones no server has any more
        self.changed = threading.Condition(threading.RLock())

    def add(self, event: dict[str, Any] | bytes, time_us: int | None = None) -> int:
        """One more event, now or at its time; bytes go out as they are. Returns its time."""
        with self.changed:
            last_us = self.events[-1][0] if self.events else 0
            at_us = max(int(time.time() * 1_000_000), last_us + 1) if time_us is None else time_us
            self.events.append((at_us, event))
            self.changed.notify_all()
            return at_us

    def forget(self, keep: int = 0) -> None:
        """All but the last `keep` events are gone from now on."""
        with self.changed:
            self.forgotten = max(self.forgotten, len(self.events) - keep)

    def index_at(self, cursor_us: int) -> int:
        """Of the first event that is kept and not before the cursor."""
        with self.changed:
            for index in range(len(self.events) - 1, self.forgotten - 1, -1):
                if self.events[index][0] < cursor_us:
                    return index + 1
            return self.forgotten


@dataclass
class Subscriber:
    """One connection. `order`: what it shall do next instead of sending."""

    query: dict[str, list[str]]
    sent: int = 0
    order: str = ""  # close, cut, reset, tear
    mute: bool = False
    finished: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class _Refusal:
    status: int
    headers: dict[str, str]
    body: str


class FakeJetstream:
    """The server: start() and stop(), or a context."""

    def __init__(self, log: EventLog | None = None, *, skew_us: int = 0, port: int = 0) -> None:
        self.log = log or EventLog()
        self.skew_us = skew_us
        self.rewind_s = 0.0  # a resumed connection begins so much before its cursor
        self.refuses_old_cursors = False
        self.pieces = 1  # frames a message
        self.subscribers: list[Subscriber] = []
        self._refusals: list[_Refusal] = []
        self._changed = threading.Condition(threading.RLock())
        self._server: Server = serve(
            self._serve, "127.0.0.1", port, process_request=self._process, max_size=None, close_timeout=1
        )

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}"

    def start(self) -> Self:
        """Serves from now on."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def stop(self) -> None:
        """Ends every connection, and frees the port."""
        self._server.shutdown()
        self.end("cut")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    # -- commands

    def feed(self, event: dict[str, Any] | bytes) -> int:
        """The network says something; its time, microseconds."""
        return self.log.add(event)

    def end(self, how: str) -> None:
        """Ends the open connections: `close` politely, `cut`, `reset`, or `tear` the next message in its middle."""
        for each in self.live:
            each.order = how
        with self.log.changed:
            self.log.changed.notify_all()
        for each in self.live:
            each.finished.wait(10)

    def mute(self) -> None:
        """The open connections stay open, answer pings, and say nothing more."""
        for each in self.live:
            each.mute = True

    def refuse(self, status: int, *, times: int = 1, headers: dict[str, str] | None = None, body: str = "no") -> None:
        """Answers the next connections so."""
        self._refusals += [_Refusal(status, headers or {}, body)] * times

    def forgive(self) -> None:
        """No refusals any more."""
        self._refusals.clear()

    # -- what it has seen

    @property
    def live(self) -> list[Subscriber]:
        """The connections that are open."""
        return [each for each in self.subscribers if not each.finished.is_set()]

    def wait_for_connection(self, within_s: float = 20.0, *, after: int = 0) -> Subscriber:
        """An open connection, when there have been more than `after`."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.subscribers) > after and self.live, within_s), "nobody came"
            return self.live[-1]

    def drained(self, within_s: float = 20.0) -> None:
        """Waits until an open connection was sent all that the log holds."""
        deadline = time.monotonic() + within_s
        while not any(each.sent >= len(self.log.events) for each in self.live):
            assert time.monotonic() < deadline, "not sent in time"
            time.sleep(LOOK_INTERVAL_S)

    # -- inside

    def raw(self, index: int) -> bytes:
        """The message that this server makes of an event."""
        at_us, event = self.log.events[index]
        if isinstance(event, bytes):
            return event
        told = {"did": event["did"], "time_us": at_us + self.skew_us, **{k: v for k, v in event.items() if k != "did"}}
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()

    def _process(self, connection: ServerConnection, request: Request) -> Response | None:
        url = urlsplit(request.path)
        query = parse_qs(url.query)
        if self._refusals:
            refusal = self._refusals.pop(0)
            response = connection.respond(HTTPStatus(refusal.status), refusal.body)
            for name, value in refusal.headers.items():
                response.headers[name] = value
            return response
        if url.path != "/subscribe":
            return connection.respond(HTTPStatus.NOT_FOUND, "not here")
        if self.refuses_old_cursors and "cursor" in query and self.log.forgotten:
            floor = self.log.events[self.log.forgotten - 1][0] + self.skew_us
            if int(query["cursor"][0]) <= floor:
                return connection.respond(HTTPStatus.BAD_REQUEST, f"cursor below lookback floor {floor}")
        return None

    def _serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        query = parse_qs(urlsplit(connection.request.path).query)
        subscriber = Subscriber(query)
        with self.log.changed:
            subscriber.sent = len(self.log.events)
            if "cursor" in query:
                cursor_us = int(query["cursor"][0]) - self.skew_us - int(self.rewind_s * 1_000_000)
                subscriber.sent = self.log.index_at(cursor_us)
        with self._changed:
            self.subscribers.append(subscriber)
            self._changed.notify_all()
        try:
            self._send_all(connection, subscriber)
        except (ConnectionClosed, OSError):
            pass
        finally:
            subscriber.finished.set()

    def _send_all(self, connection: ServerConnection, subscriber: Subscriber) -> None:
        wanted = subscriber.query.get("wantedCollections", [])
        while connection.state.name == "OPEN":
            has_more = not subscriber.mute and subscriber.sent < len(self.log.events)
            if subscriber.order and (subscriber.order != "tear" or has_more):
                self._end(connection, subscriber.order, self.raw(subscriber.sent) if has_more else b"")
                return
            if not has_more:
                with self.log.changed:
                    self.log.changed.wait(LOOK_INTERVAL_S)
                continue
            event = self.log.events[subscriber.sent][1]
            collection = event.get("commit", {}).get("collection") if isinstance(event, dict) else None
            if not wanted or collection is None or collection in wanted:
                self._send(connection, self.raw(subscriber.sent))
            subscriber.sent += 1

    def _send(self, connection: ServerConnection, raw: bytes) -> None:
        size = -(-len(raw) // self.pieces)
        pieces = [raw[at : at + size] for at in range(0, len(raw), size)]
        connection.send(pieces if len(pieces) > 1 else raw, text=True)

    def _end(self, connection: ServerConnection, how: str, raw: bytes) -> None:
        if how == "close":
            connection.close()
            return
        raw_socket = connection.socket
        if how == "tear":  # a frame that says its whole length, and half of its bytes
            raw_socket.sendall(b"\x81\x7f" + struct.pack("!Q", len(raw)) + raw[: len(raw) // 2])
        if how == "reset":
            raw_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raw_socket.close()
        else:
            raw_socket.shutdown(socket.SHUT_RDWR)
