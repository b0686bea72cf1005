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

Like X it allows one connection at a time (429, TooManyConnections) and none without rules (409). A duplicate: feed a
line again. What counts as sent or missed: see misbehaving_stream.
"""

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.fakes.misbehaving_stream import Block, Connection, MisbehavingStream, StreamHandler
from tests.fakes.x_rules import InvalidRule, tokens

STREAM, RULES = "/2/tweets/search/stream", "/2/tweets/search/stream/rules"
MOST_RULES = 1000
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
__all__ = ["RULES", "STREAM", "Connection", "FakeX"]
_TITLES = {400: "Invalid Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 429: "Too Many Requests"}


@dataclass
class _Refusal:
    status: int
    headers: dict[str, str]
    body: object
    rules: bool


class FakeX(MisbehavingStream):
    """See the module's text for its commands."""

    OPERATIONAL_DISCONNECT = OPERATIONAL_DISCONNECT
    TOO_MANY_CONNECTIONS = TOO_MANY_CONNECTIONS

    def __init__(self, *, token: str = "canary", keep_alive_s: float = 0.5, port: int = 0) -> None:  # noqa: S107
        super().__init__(_Handler, port=port, keep_alive=b"\r\n", keep_alive_s=keep_alive_s)
        self.token = token
        self.clock_skew_s = 0.0
        self.rules: dict[str, dict[str, str]] = {}
        self.requests: list[tuple[str, str, dict[str, list[str]]]] = []
        self._refusals: list[_Refusal] = []
        self._next_rule = 1

    # -- commands

    def feed(self, line: object, *, pieces: Sequence[int] = ()) -> bool:
        """Sends one line, if somebody listens; False: it was missed."""
        raw = line if isinstance(line, bytes) else json.dumps(line, ensure_ascii=False).encode()
        return self.feed_block(Block(raw, b"\r\n", tuple(pieces)))

    def disconnect(self, *, politely: bool = False, reset: bool = False, message: object = None) -> None:
        """Ends the connection, after what was fed before."""
        if message is not None:
            self.feed(message)
        self.end("politely" if politely else "reset" if reset else "cut")

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
        with self.changed:
            self._refusals += [_Refusal(status, extra, content, rules)] * times

    # -- what it has seen

    def calls(self, method: str, path: str) -> int:
        """How many requests of this kind came."""
        return sum((verb, route) == (method, path) for verb, route, _ in self.requests)

    def requests_seen(self) -> Sequence[object]:
        """Every request so far."""
        return self.requests

    # -- inside

    def connect(self) -> Connection | tuple[int, dict[str, str]]:
        """The handler's: a new connection, or the status and body of a refusal."""
        with self.changed:
            if self.live() is not None:
                return 429, TOO_MANY_CONNECTIONS
            return self.opened(STREAM, {}) if self.rules else (409, NO_RULES)

    def refusal(self, *, rules: bool) -> _Refusal | None:
        """The handler's: the next refusal for such a call, taken off the list."""
        with self.changed:
            for each in self._refusals:
                if each.rules == rules:
                    self._refusals.remove(each)
                    return each
        return None

    def change_rules(self, asked: dict[str, Any], *, dry_run: bool) -> tuple[int, dict[str, Any]]:
        """The handler's: POST of rules."""
        with self.changed:
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


class _Handler(StreamHandler):
    @property
    def fake(self) -> FakeX:
        """The server's."""
        assert isinstance(self.server.fake, FakeX)
        return self.server.fake

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The Date header, by the fake's own clock."""
        return super().date_time_string((timestamp or time.time()) + self.fake.clock_skew_s)

    def do_GET(self) -> None:  # noqa: N802 - http.server's name
        """The stream, or the rules."""
        path = self._arrived()
        if path == STREAM:
            opened = self.fake.connect()
            if isinstance(opened, Connection):
                self.stream(opened, "application/json; charset=utf-8")
            else:
                self.answer(*opened)
        elif path == RULES:
            rules = [{"id": key} | rule for key, rule in self.fake.rules.items()]
            self.answer(200, ({"data": rules} if rules else {}) | {"meta": {"result_count": len(rules)}})

    def do_POST(self) -> None:  # noqa: N802 - http.server's name
        """A change of rules."""
        asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        if self._arrived() == RULES:
            self.answer(*self.fake.change_rules(asked, dry_run="dry_run=true" in self.path.lower()))

    def _arrived(self) -> str | None:
        """Notes the request; None where it is answered already."""
        fake, parts = self.fake, urlsplit(self.path)
        fake.requests.append((self.command, parts.path, parse_qs(parts.query)))
        refused = fake.refusal(rules=parts.path == RULES)
        if refused is not None:
            self.answer(refused.status, refused.body, refused.headers)
        elif self.headers.get("Authorization") != f"Bearer {fake.token}":
            self.answer(401, {"title": "Unauthorized", "status": 401, "detail": "Unauthorized"})
        elif parts.path not in (STREAM, RULES):
            self.answer(404, {"title": "Not Found", "status": 404})
        else:
            return parts.path
        return None
