"""A fake Mastodon server: its streaming API as server-sent events over real HTTP, with misbehaviour on command.

What it is fed goes to the one client that listens, else it is missed; both are written down with their times.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.fakes.misbehaving_stream import Block, MisbehavingStream, StreamHandler

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


@dataclass(frozen=True)
class _Refusal:
    status: int
    headers: Mapping[str, str]


class FakeMastodon(MisbehavingStream):
    """One Mastodon server; see misbehaving_stream for what it can be made to do."""

    def __init__(self, *, token: str | None = None, thump_s: float = 0.5, port: int = 0) -> None:
        super().__init__(_Handler, port=port, keep_alive=b":thump\n", keep_alive_s=thump_s)
        self.token = token
        self.streaming: str | None = None  # another server that has the streams
        self.asked: list[tuple[str, str | None]] = []  # path and Authorization of each request
        self._refusals: list[_Refusal] = []

    # -- commands

    def feed(self, block: bytes, *, end: bytes = b"\n", pieces: Sequence[int] = ()) -> bool:
        """Sends one event, cut into packets at these bytes; False: nobody listens, it is missed."""
        return self.feed_block(Block(block, 2 * end, tuple(pieces)))

    def send_torn(self, piece: bytes) -> None:
        """The beginning of an event, and nothing after it for the moment."""
        self.end("pause", piece)

    def refuse(self, status: int, *, times: int = 1, headers: dict[str, str] | None = None) -> None:
        """Answers the next calls of a stream so."""
        self._refusals += [_Refusal(status, headers or {})] * times

    def forgive(self) -> None:
        """No refusals any more."""
        self._refusals.clear()

    # -- what it has seen

    def requests_seen(self) -> Sequence[object]:
        """Every request so far."""
        return self.asked

    # -- the handler's

    def refusal(self) -> _Refusal | None:
        """The next one, taken off the list."""
        return self._refusals.pop(0) if self._refusals else None


class _Handler(StreamHandler):
    @property
    def fake(self) -> FakeMastodon:
        """The server's."""
        assert isinstance(self.server.fake, FakeMastodon)
        return self.server.fake

    def do_GET(self) -> None:  # noqa: N802 - http.server's name
        """The instance's description, or a stream."""
        fake, url = self.fake, urlsplit(self.path)
        fake.asked.append((self.path, self.headers.get("Authorization")))
        if url.path == "/api/v2/instance":
            urls = {"streaming": fake.streaming} if fake.streaming else {}
            self.answer(200, {"domain": fake.host, "configuration": {"urls": urls}})
        elif url.path not in STREAMS:
            self.answer(404, {"error": "Not found"})
        elif (refused := fake.refusal()) is not None:
            self.answer(refused.status, {"error": "as told"}, refused.headers)
        elif fake.token is not None and self.headers.get("Authorization") != f"Bearer {fake.token}":
            self.answer(401, {"error": "Invalid access token"})
        else:
            self.stream(fake.opened(url.path, parse_qs(url.query)), "text/event-stream", greeting=b":)\n")
