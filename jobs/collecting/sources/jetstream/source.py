"""Bluesky's Jetstream: JSON events over a websocket, one of several hosts at a time.

Source: github.com/bluesky-social/jetstream, README and the /subscribe endpoint (version 1 of its wire).
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode, urlsplit

from websockets.exceptions import ConnectionClosed, InvalidStatus, PayloadTooBig, WebSocketException
from websockets.sync.client import ClientConnection, connect

from collecting.filtering.selection import Selection
from collecting.source_api import Gap, Item, Line, SourceError, source_id
from collecting.sources.jetstream.events import EventPosition, Recent
from collecting.sources.retry_after import asked_wait_s
from collecting.sources.values import seconds
from contract.backoff import Backoff, Retries
from contract.source_address import SourceAddress

log = logging.getLogger(__name__)

# github.com/bluesky-social/jetstream, "Public instances"
PUBLIC_HOSTS = tuple(f"jetstream{n}.us-{side}.bsky.network" for side in ("east", "west") for n in (1, 2))
POSTS = "app.bsky.feed.post"
MAX_MESSAGE_BYTES = 16 * 1024 * 1024  # servers allow events of 1 to 2 MB
OPEN_TIMEOUT_S = 10.0
STOP_POLL_S = 0.25
STEADY_S = 2.0  # a connection that lasted this long counts as good
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TOO_BIG = 1009  # RFC 6455, 7.4.1


class JetstreamSource:
    """Events as received, of the chosen collections.

    The cursor is `TIME_US:DIGEST` (see `EventPosition`). When resumed, it asks for events from `overlap_s` before
    the cursor and leaves out known ones: so the server proves that it still has our last event. If the first event that
    it sends is later, there is a gap between the two; version 1 reports nothing itself.
    """

    replayable = True  # events missed while not reading come later, or are a gap
    cursor_inclusive = True
    skips = 10_000  # more than fit into the overlap

    def __init__(
        self,
        hosts: tuple[str, ...] = PUBLIC_HOSTS,
        collections: tuple[str, ...] = (POSTS,),
        *,
        overlap_s: float = 5.0,
        silence_s: float = 60.0,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.last_error: str | None = None
        self.source_id = source_id(
            "jetstream", sorted(hosts)[0] if hosts != PUBLIC_HOSTS else "", *sorted(hosts), "", *sorted(collections)
        )
        self._hosts = hosts
        self._collections = collections
        self._overlap_us = int(overlap_s * 1_000_000)
        self._silence_s = silence_s
        self._retries = Retries(backoff)
        self._clock = clock
        self._recent = Recent(2 * self._overlap_us)  # twice: another host's clock may differ
        self._last: EventPosition | None = None  # our newest event
        self._listened_us = 0  # when it first connected; resumed from there until an event comes
        self._refusals = 0

    @classmethod
    def from_address(cls, address: SourceAddress, selection: Selection) -> "JetstreamSource":  # noqa: ARG003 - we apply it
        """`jetstream:HOST,HOST,collections=NAME+NAME,overlap_s=5,silence_s=60`.

        Raises:
            SourceError: an invalid value.
        """
        address.refuse_unknown({"collections", "overlap_s", "silence_s"})
        hosts = address.items or PUBLIC_HOSTS
        for host in hosts:
            subscribe_url(host, {})
        return cls(
            hosts,
            tuple(each for each in address.keys.get("collections", (POSTS,)) if each),
            overlap_s=seconds(address, "overlap_s", 5.0),
            silence_s=seconds(address, "silence_s", 60.0),
        )

    def skip(self, held: Iterable[Line]) -> None:
        """Never yields these events again, not even from another host."""
        positions = [EventPosition.parse(line.cursor) for line in held]
        self._recent.add(positions, max((position.time_us for position in positions), default=0))

    def read(self, after: str | None, stop: threading.Event) -> Iterator[Item]:
        """Yields events until `stop`; reconnects as often as needed.

        Raises:
            SourceError: an invalid cursor.
        """
        self._last = None if after is None else EventPosition.parse(after)
        failures = 0
        while not stop.is_set():
            host = self._hosts[failures % len(self._hosts)]
            began_s = self._clock()
            try:
                yield from self._connection(host, stop)
            except (OSError, TimeoutError, WebSocketException) as error:  # OSError: also no address, TLS
                failures += 1
                if self._clock() - began_s >= STEADY_S:
                    self._retries.reset()
                why, wait_s = self._failed(error)
                self.last_error = f"{host}: {why}"
                if wait_s or failures % len(self._hosts) == 0:
                    wait_s = max(wait_s, self._retries.next_s())
                log.warning("%s; trying the next host in %.1f s", self.last_error, wait_s)
                stop.wait(wait_s)
            else:
                return

    def _failed(self, error: Exception) -> tuple[str, float]:
        """Why a connection failed or ended, and how many seconds the server asks us to wait."""
        if isinstance(error, InvalidStatus):
            self._refusals += _refuses_cursor(error)
            answer = error.response
            said = f"it answers {answer.status_code} {_first_words(answer.body)}"
            return said, asked_wait_s(answer.headers, datetime.now(UTC)) or 0.0
        if isinstance(error, ConnectionClosed):
            if isinstance(error.__cause__, PayloadTooBig) or (error.sent and error.sent.code == _TOO_BIG):
                self._refusals = len(self._hosts)  # it would come again: continue after it, with a gap
            return f"the connection was lost: {error}", 0.0
        return f"{type(error).__name__}: {error}", 0.0

    def _connection(self, host: str, stop: threading.Event) -> Iterator[Item]:
        """One connection's events. Returns only when `stop` is set."""
        live = self._refusals >= len(self._hosts)  # no host has our position any more
        url = subscribe_url(host, self._asked(live))
        with connect(
            url,
            max_size=MAX_MESSAGE_BYTES,
            open_timeout=OPEN_TIMEOUT_S,
            close_timeout=1,
            user_agent_header="hashtide",
        ) as connection:
            self._listened_us = self._listened_us or int(time.time() * 1_000_000)
            log.info("connected to %s, from %s", host, "now on" if live or not self._last else self._last)
            first = True
            for raw in self._messages(connection, stop):
                last = self._last
                position, timed = EventPosition.of(raw, last.time_us if last else self._listened_us)
                if first and timed:
                    first, self.last_error, self._refusals = False, None, 0
                    if last is not None and position.time_us > last.time_us and position not in self._recent:
                        yield Gap(str(position), _why(host, live), _moment(last.time_us), _moment(position.time_us))
                if position in self._recent:
                    continue
                newest = position if last is None or position.time_us >= last.time_us else last
                self._last = newest
                self._recent.add((position,), newest.time_us)
                yield Line(str(position), raw, "jetstream")

    def _messages(self, connection: ClientConnection, stop: threading.Event) -> Iterator[bytes]:
        heard_s = self._clock()
        while not stop.is_set():
            try:
                message = connection.recv(timeout=STOP_POLL_S, decode=False)
            except TimeoutError:
                if self._clock() - heard_s > self._silence_s:
                    raise TimeoutError(f"no event for {self._silence_s:.0f} s") from None
                continue
            yield message if isinstance(message, bytes) else message.encode()
            heard_s = self._clock()

    def _asked(self, live: bool) -> dict[str, object]:
        asked: dict[str, object] = {"wantedCollections": self._collections, "maxMessageSizeBytes": MAX_MESSAGE_BYTES}
        since_us = self._last.time_us if self._last is not None else self._listened_us
        if since_us and not live:
            asked["cursor"] = max(since_us - self._overlap_us, 0)
        return asked


def subscribe_url(host: str, asked: dict[str, object]) -> str:
    """The endpoint of a host or a ws(s) URL, with the request's parameters.

    Raises:
        SourceError: it is neither.
    """
    url = urlsplit(host if "://" in host else f"wss://{host}")
    if "@" in url.netloc:  # not quoted: it may be a password
        raise SourceError("source jetstream: no name or password in an address")
    if url.scheme not in ("ws", "wss") or not url.hostname or url.query or url.fragment:
        raise SourceError(f"source jetstream: {host!r} is no host and no ws(s) URL")
    path = url.path.rstrip("/") or "/subscribe"
    return url._replace(path=path, query=urlencode(asked, doseq=True)).geturl()


def _refuses_cursor(error: InvalidStatus) -> bool:
    """Version 2's answer to a cursor that is too old."""
    return error.response.status_code == 400 and b"cursor" in bytes(error.response.body or b"").lower()


def _why(host: str, live: bool) -> str:
    if live:
        return "no host has what came after the last event that we had"
    return f"{host} no longer has what came after the last event that we had"


def _moment(time_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=time_us)


def _first_words(body: bytes | bytearray | None) -> str:
    return " ".join(bytes(body or b"")[:200].decode(errors="replace").split())
