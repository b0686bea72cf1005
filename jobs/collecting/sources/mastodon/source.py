"""One Mastodon server's stream of public posts, or of those with a hashtag, as server-sent events.

Source: docs.joinmastodon.org/methods/streaming.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from urllib.parse import urlencode, urlsplit

import requests
import requests.auth
from urllib3.exceptions import HTTPError

from collecting.filtering.selection import Selection
from collecting.source_api import CursorOnly, Gap, Item, Line, SourceError, source_id
from collecting.sources.mastodon.sse import EventBlocks, EventTooLong
from collecting.sources.mastodon.tokens import TOKEN_FILE, token_for
from collecting.sources.retry_after import asked_wait_s
from collecting.sources.values import seconds
from contract.backoff import Backoff, Retries
from contract.source_address import SourceAddress

log = logging.getLogger(__name__)

STREAMS = {"public": "public", "local": "public/local", "hashtag": "hashtag"}
CHUNK_BYTES = 64 * 1024
OPEN_TIMEOUT_S = 10.0
STOP_POLL_S = 0.2
STEADY_S = 5.0  # a connection that lasted this long counts as good
TELL_EACH_S = 3600.0  # a long outage is recorded in pieces, before it ends
# A retry would get the same answer: moved, no such stream, no right to it, or an invalid tag.
HOPELESS = {301, 302, 307, 308, 400, 401, 403, 404, 405, 410, 422}


HEADERS = {"Accept": "text/event-stream", "Accept-Encoding": "identity", "User-Agent": "hashtide"}


class _Bearer(requests.auth.AuthBase):
    """The token, or nothing. Without such an object requests would send ~/.netrc's password for the host."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _Lost(Exception):  # noqa: N818 - it states a condition
    """The connection ended, or failed.

    Attributes:
        wait_s: how long the server asks us to wait.
    """

    def __init__(self, why: str, wait_s: float = 0.0) -> None:
        super().__init__(why)
        self.wait_s = wait_s


class MastodonSource:
    """Events as received. The cursor is `MS.N`: when the server was last heard, and a number.

    The server repeats nothing: what it sends while we are not connected is missed. That is a gap, from the last sign of
    the server (its `:thump` counts) to the new connection. The received part of an event that a lost connection tore is
    a line too, so that it is recorded; a standard client would drop it silently. An event torn by our own stop is
    dropped: the gap of the next start begins before it.
    """

    replayable = False
    cursor_inclusive = False

    def __init__(
        self,
        server: str,
        path: str = "public",
        query: dict[str, str] | None = None,
        *,
        silence_s: float = 45.0,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.last_error: str | None = None
        self._server = _url_of(server)
        self._host = urlsplit(self._server).netloc
        self._path = f"/api/v1/streaming/{path}" + (f"?{urlencode(query)}" if query else "")
        self.source_id = source_id("mastodon", self._host, self._server, self._path)
        self._silence_s = silence_s
        self._retries = Retries(backoff or Backoff(longest_s=60.0))
        self._clock = clock
        self._streaming: str | None = None  # the URL's beginning, once known
        self._heard_ms: int | None = None
        self._number = 0

    @classmethod
    def from_address(cls, address: SourceAddress, selection: Selection) -> "MastodonSource":  # noqa: ARG003
        """`mastodon:SERVER,stream=public|local|hashtag,tag=NAME,silence_s=45`; `open_source` splits a list of servers.

        Raises:
            SourceError: no server, or an invalid value.
        """
        address.refuse_unknown({"stream", "tag", "silence_s"})
        if not address.items:
            raise SourceError("source mastodon: no server given; write mastodon:SERVER or mastodon:SERVER,SERVER")
        tag = address.values.get("tag", "").removeprefix("#")
        stream = address.values.get("stream", "hashtag" if tag else "public")
        if stream not in STREAMS:
            raise SourceError(f"source mastodon: unknown stream={stream}; allowed: {', '.join(STREAMS)}")
        if (stream == "hashtag") != bool(tag):
            raise SourceError("source mastodon: stream=hashtag and tag=NAME go together")
        silence_s = seconds(address, "silence_s", 45.0)
        query = {"tag": tag} if tag else None
        return cls(address.items[0], STREAMS[stream], query, silence_s=silence_s)

    def read(self, after: str | None, stop: threading.Event) -> Iterator[Item]:
        """Yields events until `stop`; reconnects as often as needed.

        Raises:
            SourceError: the server refuses for good: no token, no such stream.
        """
        self._heard_ms = None if after is None else _heard_at(after)
        why = "the collector was not connected"
        while not stop.is_set():
            began_s = time.monotonic()
            try:
                yield from self._connection(why, stop)
            except _Lost as lost:
                why = str(lost)
                if time.monotonic() - began_s >= STEADY_S:
                    self._retries.reset()
                wait_s = max(lost.wait_s, self._retries.next_s())
                self.last_error = f"{self._host}: {why}"
                log.warning("%s; retrying in %.1f s", self.last_error, wait_s)
                yield from self._told_so_far(why)
                stop.wait(wait_s)
            except SourceError as error:
                yield from self._told_so_far(str(error))
                raise
            else:
                return

    def _told_so_far(self, why: str) -> Iterator[Gap]:
        """A piece of a long gap; the next one begins at its end."""
        begin_ms = self._heard_ms
        if begin_ms is not None and self._clock() - begin_ms / 1000 >= TELL_EACH_S:
            yield Gap(self._heard(), why, _moment(begin_ms), _moment(self._heard_ms))

    def _connection(self, why: str, stop: threading.Event) -> Iterator[Item]:
        """One connection's events. Returns only when `stop` is set."""
        response = self._opened()
        with _ended_at(stop, response):
            self.last_error = None
            begin_ms = self._heard_ms
            cursor = self._heard()
            log.info("connected to %s", response.url.partition("?")[0])
            yield (
                CursorOnly(cursor) if begin_ms is None else Gap(cursor, why, _moment(begin_ms), _moment(self._heard_ms))
            )
            blocks = EventBlocks()
            try:
                for chunk in self._chunks(response, stop):
                    cursor = self._heard()
                    for event in blocks.feed(chunk):
                        yield Line(self._next_cursor(), event, "mastodon")
                    if not blocks.rest:
                        yield CursorOnly(cursor)
            except EventTooLong as error:
                raise _Lost(str(error)) from None
            except _Lost:
                if blocks.rest:
                    yield Line(self._next_cursor(), blocks.rest, "mastodon")
                raise
            # At our own stop nothing is recorded: a torn event is in the next gap.

    def _opened(self) -> requests.Response:
        """The stream, once the server has accepted."""
        token = token_for(self._host)
        response = self._asked(self._streaming_server(token) + self._path, token)
        if response.status_code == 200:
            return response
        with response:
            moved = f" to {response.headers['Location']}" if "Location" in response.headers else ""
            said = f"{self._host} answers {response.status_code} {response.reason}{moved}{_first_words(response)}"
            if response.status_code in HOPELESS:
                missing = f" (no token for it: {TOKEN_FILE})" if token is None else ""
                raise SourceError(f"source mastodon: {said}{missing if response.status_code in (401, 403) else ''}")
            raise _Lost(said, asked_wait_s(response.headers, datetime.now(UTC)) or 0.0)

    def _streaming_server(self, token: str | None) -> str:
        """The server's streaming URL: often on another host, which it names."""
        if self._streaming is None:
            with self._asked(f"{self._server}/api/v2/instance", token) as response:
                if response.status_code in (429, *range(500, 600)):
                    wait_s = asked_wait_s(response.headers, datetime.now(UTC)) or 0.0
                    raise _Lost(f"{self._host} answers {response.status_code} {response.reason}", wait_s)
                self._streaming = _named_streaming(response) or self._server
        return self._streaming

    def _asked(self, url: str, token: str | None) -> requests.Response:
        """Sends a request and reads the head of the answer. No redirects: they could send the token elsewhere."""
        timeout = (OPEN_TIMEOUT_S, self._silence_s)
        try:
            return requests.get(
                url, headers=HEADERS, auth=_Bearer(token), stream=True, timeout=timeout, allow_redirects=False
            )
        except (requests.RequestException, HTTPError, OSError) as error:
            raise _Lost(_short(error)) from error

    def _chunks(self, response: requests.Response, stop: threading.Event) -> Iterator[bytes]:
        """Yields bytes as they arrive."""
        while not stop.is_set():
            try:
                chunk = response.raw.read1(CHUNK_BYTES)
            except (HTTPError, OSError) as error:
                if stop.is_set():
                    return
                raise _Lost(_short(error)) from error
            if not chunk:
                if stop.is_set():
                    return
                raise _Lost("the server ended the stream")
            yield chunk

    def _heard(self) -> str:
        """Notes that the server was heard now; returns the cursor."""
        self._heard_ms = max(int(self._clock() * 1000), self._heard_ms or 0)
        return self._next_cursor()

    def _next_cursor(self) -> str:
        self._number += 1
        return f"{self._heard_ms}.{self._number}"


@contextmanager
def _ended_at(stop: threading.Event, response: requests.Response) -> Iterator[None]:
    """Ends a waiting read when `stop` is set, and the response at the end."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(STOP_POLL_S):
            if stop.is_set():
                with suppress(Exception):  # it ended by itself
                    response.raw.shutdown()
                return

    watching = threading.Thread(target=watch, name="mastodon stop", daemon=True)
    watching.start()
    try:
        yield
    finally:
        done.set()
        response.close()


def _url_of(server: str) -> str:
    url = urlsplit(server if "://" in server else f"https://{server}")
    if "@" in url.netloc:  # not quoted: it may be a password
        raise SourceError(
            "source mastodon: no name or password in an address; tokens are in a file (docs/contracts.md)"
        )
    if url.scheme not in ("http", "https") or not url.hostname or url.path.strip("/") or url.query:
        raise SourceError(f"source mastodon: {server!r} is no server and no http(s) URL")
    return f"{url.scheme}://{url.netloc}"


def _named_streaming(response: requests.Response) -> str | None:
    """`configuration.urls.streaming` of the instance's description; an old server has none."""
    try:
        named = response.json()["configuration"]["urls"]["streaming"] if response.status_code == 200 else None
        url = urlsplit(named) if isinstance(named, str) else None
    except (ValueError, KeyError, TypeError, requests.RequestException):
        return None
    if url is None or url.scheme not in ("ws", "wss", "http", "https") or not url.netloc:
        return None
    scheme = "https" if url.scheme in ("wss", "https") else "http"
    return f"{scheme}://{url.netloc}{url.path.rstrip('/')}"


def _heard_at(cursor: str) -> int:
    heard_ms = cursor.partition(".")[0]
    if not heard_ms.isdigit():
        raise SourceError(f"source mastodon: invalid cursor {cursor!r}")
    return int(heard_ms)


def _moment(epoch_ms: int | None) -> datetime:
    return datetime.fromtimestamp((epoch_ms or 0) / 1000, UTC)


def _first_words(response: requests.Response) -> str:
    try:
        words = " ".join(response.raw.read(300).decode(errors="replace").split())
    except (HTTPError, OSError):
        return ""
    return f": {words}" if words else ""


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
