"""tweepy's StreamingClient without its loop: one connection, raw bytes, and failures with their reasons.

What we replace in tweepy 4.17: it retries 401 and 403 for ever, ends quietly at an exception, parses
each line (KeyError if a rule has no tag), loses a torn last line, logs its headers at DEBUG, fixes the host.
"""

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import requests
import tweepy
import urllib3

from collecting.sources.x import policy
from collecting.sources.x.policy import Failed

DEFAULT_URL = "https://api.x.com"
CONNECT_TIMEOUT_S = 10.0
READ_BYTES = 64 * 1024
STOP_POLL_S = 0.1
_LONGEST_REASON = 300
_LONGEST_BODY_BYTES = 16 * 1024

# Only the fields that formats reads: whatever is included is paid for.
FIELDS = {
    "tweet_fields": [
        "author_id",
        "created_at",
        "edit_history_tweet_ids",
        "entities",
        "geo",
        "lang",
        "note_tweet",
        "referenced_tweets",
    ],
    "expansions": ["author_id", "geo.place_id", "referenced_tweets.id"],
    "user_fields": ["location", "name", "public_metrics", "username"],
    "place_fields": ["country_code", "full_name", "geo", "place_type"],
}


class _Bearer(requests.auth.AuthBase):
    """Sets our header, also if a netrc file names the host: requests would use its password instead."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Client(tweepy.StreamingClient):  # type: ignore[misc]  # tweepy has no types
    """Calls for the rules, and one stream connection at a time. Every failure is a `Failed`."""

    def __init__(
        self,
        token: str,
        *,
        url: str = DEFAULT_URL,
        proxy: str | None = None,
        silence_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(None, return_type=dict)  # tweepy never sees the token
        self._url = url.rstrip("/")
        self._token = token
        self._silence_s = silence_s
        self._clock = clock
        self._response: requests.Response | None = None
        self._proxies = {"http": proxy, "https": proxy} if proxy else {}
        self.session.auth = _Bearer(token)
        self.session.headers["User-Agent"] = f"Hashtide {self.user_agent}"
        self.session.headers["Accept-Encoding"] = "identity"  # a compressed line waits in the server's buffer

    # -- called by tweepy

    def request(
        self,
        method: str,
        route: str,
        params: dict[str, Any] | None = None,
        json: object = None,
        user_auth: bool = False,
    ) -> requests.Response:
        """A call for the rules; tweepy's own has a fixed host."""
        if user_auth:
            raise NotImplementedError("only the bearer token is known")
        response = self._ask(method, route, params=params, json=json)
        _as_json(response)
        return response

    def _connect(self, method: str, endpoint: str, **kwargs: Any) -> None:
        """Called by tweepy's `filter`: connects, and reads nothing."""
        self._response = self._ask(method, f"/2/tweets/{endpoint}/stream", stream=True, **kwargs)

    # -- the stream

    def connect(self) -> "Stream":
        """A new connection to the filtered stream.

        Raises:
            Failed: X or the network refuses.
        """
        self.filter(**FIELDS)  # calls _connect
        if self._response is None:
            raise Failed("tweepy opened no connection")
        response, self._response = self._response, None
        return Stream(response, self._silence_s)

    def _ask(self, method: str, route: str, **kwargs: Any) -> requests.Response:
        self.session.close()  # a connection kept from the last call may be dead by now; nothing else is closed
        try:
            response: requests.Response = self.session.request(
                method,
                self._url + route,
                timeout=(CONNECT_TIMEOUT_S, self._silence_s),
                proxies=self._proxies,
                allow_redirects=False,  # the token is for this host
                **kwargs,
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise Failed(f"{method} {route}: {self._redacted(_network_reason(error))}") from None
        if 200 <= response.status_code < 300:
            return response
        with contextlib.closing(response):
            raise self._failure(response, method, route)

    def _failure(self, response: requests.Response, method: str, route: str) -> Failed:
        now, headers = self._clock(), response.headers
        body = _body(response)
        return Failed(
            f"{method} {route}: {self._redacted(_reason(body) or response.reason or 'no reason given')}",
            status=response.status_code,
            reset_at=policy.number(headers.get("x-rate-limit-reset")),
            retry_after_s=policy.retry_after_s(headers.get("Retry-After"), now),
            server_time=policy.server_time(headers.get("Date")),
            too_many_connections=body.get("connection_issue") == "TooManyConnections",
        )

    def _redacted(self, text: str) -> str:
        """Shortens to one line without the token, which a proxy or a gateway may send back."""
        return " ".join(text.replace(self._token, "***").split())[:_LONGEST_REASON]


class Stream:
    """The bytes of one connection."""

    def __init__(self, response: requests.Response, silence_s: float) -> None:
        self._response = response
        self._silence_s = silence_s

    def chunks(self, stop: threading.Event) -> Iterator[bytes]:
        """Yields non-empty chunks as they arrive; ends only when `stop` is set.

        Raises:
            Failed: silence, a broken connection, or X ended the stream.
        """
        over = threading.Event()
        threading.Thread(target=self._end_at, args=(stop, over), name="x stop", daemon=True).start()
        try:
            while True:
                try:
                    chunk = self._response.raw.read1(READ_BYTES)
                except urllib3.exceptions.ReadTimeoutError:
                    raise Failed(f"no sign of life for {self._silence_s:g} s") from None
                except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                    if stop.is_set():
                        return
                    raise Failed(f"the connection broke: {_network_reason(error)}") from None
                if stop.is_set() and not chunk:
                    return
                if not chunk:
                    raise Failed("X ended the stream")
                yield chunk
        finally:
            over.set()

    def _end_at(self, stop: threading.Event, over: threading.Event) -> None:
        """Ends a waiting read, which only the socket's end can wake."""
        while not over.is_set():
            if stop.wait(STOP_POLL_S):
                with contextlib.suppress(OSError, RuntimeError, ValueError):  # it ended by itself meanwhile
                    self._response.raw.shutdown()
                return

    def close(self) -> None:
        """Drops the connection with all unread bytes."""
        self._response.close()


def _network_reason(error: Exception) -> str:
    """The innermost message: requests wraps urllib3, which wraps the system's error."""
    inner: BaseException = error
    while (cause := inner.__cause__ or inner.__context__) is not None:
        if isinstance(inner, http.client.IncompleteRead):
            return "cut off in the middle"
        inner = cause
    text = str(inner) or type(inner).__name__
    return text if isinstance(inner, OSError) and inner.strerror else f"{type(inner).__name__}: {text}"


def _body(response: requests.Response) -> dict[str, Any]:
    try:
        parsed = json.loads(next(response.iter_content(_LONGEST_BODY_BYTES), b""))
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _reason(body: dict[str, Any]) -> str:
    """X's own message: problem details (RFC 9457), and the errors' messages."""
    said = [body.get("title"), body.get("detail")]
    for each in body.get("errors") or [] if isinstance(body.get("errors"), list) else []:
        if isinstance(each, dict):
            details = each.get("details")
            said += [each.get("value"), each.get("message") or each.get("title")]
            said += details if isinstance(details, list) else []
    return ": ".join(dict.fromkeys(str(each) for each in said if each))


def _as_json(response: requests.Response) -> None:
    try:
        response.json()
    except requests.JSONDecodeError:
        raise Failed(f"{response.request.method} {response.request.path_url}: the answer is no JSON") from None
