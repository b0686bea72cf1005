"""Three networks that misbehave on purpose: what each was made to say, and when nobody could hear it."""

import json
import math
import random
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tests.fakes.jetstream_server import EventLog, FakeJetstream, Subscriber, post
from tests.fakes.mastodon_server import FakeMastodon, event, status
from tests.fakes.misbehaving_stream import MisbehavingStream
from tests.fakes.x_server import FakeX

Hole = tuple[float, float]
Server = TypeVar("Server", bound=MisbehavingStream)
SILENCE_S = 4
OVERLAP_S = 3
MEGABYTE = "w" * 1_000_000
TEXTS = (
    "#Rain über #größe",
    "日本の #天気 は雨 🐤",
    "#one #two ＃three plain words",
    "no tag at all",
    "🐈‍⬛ #cat🐈 #猫",
)
SKEW_US = 300_000  # of Jetstream's second host
RETRY_AFTER = {"Retry-After": "1"}
DISCONNECT_MESSAGE = "says it disconnects"


@dataclass
class Ledger:
    """What a network was made to say.

    Attributes:
        posts: raw bytes → the post's identity.
        others: raw bytes of control messages.
        torn: the beginnings that a cut connection left.
    """

    posts: dict[bytes, str]
    others: set[bytes]
    torn: set[bytes]


class Network(ABC):
    """One network. Everything it was fed is in its ledger."""

    name: str
    KINDS: tuple[str, ...]
    """Of mishaps."""

    def __init__(self, seed: int) -> None:
        self.ledger = Ledger({}, set(), set())
        self._dice = random.Random(seed)  # noqa: S311 - a test's dice
        self._mishaps: list[str] = []

    @property
    @abstractmethod
    def address(self) -> str:
        """For the collector."""

    @abstractmethod
    def feed(self, text: str | None = None) -> None:
        """Sends one more post or control message."""

    @abstractmethod
    def misbehave(self) -> str:
        """Does something that no client likes, and returns which kind."""

    @abstractmethod
    def settle(self) -> None:
        """Behaves, and waits until the client is connected and was sent everything."""

    @abstractmethod
    def missed(self, heard: set[bytes]) -> list[tuple[bytes, float]]:
        """What it sent and nobody heard, with its time."""

    @abstractmethod
    def stop(self) -> None:
        """Ends the server."""

    def _next_mishap(self) -> str:
        """Each kind in turn, in an order that the seed decides, so that a short run has each of them too."""
        if not self._mishaps:
            self._mishaps = self._dice.sample(self.KINDS, len(self.KINDS))
        return self._mishaps.pop()


class StreamNetwork(Network, Generic[Server]):
    """A network with one HTTP server that streams to one client: what is sent while nobody is connected is lost."""

    KINDS: tuple[str, ...] = ("cut", "politely", "reset", "tear", "mute", "429", "503", "401", "megabyte")

    def __init__(self, seed: int, server: Server) -> None:
        super().__init__(seed)
        self.server = server.start()
        self._number = 0

    @abstractmethod
    def torn_message(self) -> bytes:
        """The message that a connection is cut in."""

    @abstractmethod
    def refuse(self, status: int) -> None:
        """Answers the next connection with this status; 429 with one second to wait."""

    def misbehave(self) -> str:
        kind, server = self._next_mishap(), self.server
        if kind == "megabyte":
            self.feed(MEGABYTE)
        elif kind == "tear" and not self._is_mute:  # a server that has fallen silent sends nothing more
            torn = self.torn_message()
            at = self._dice.randrange(1, len(torn) - 2)
            self.ledger.torn |= {torn[:at], torn[:at].rstrip(b"\n")}
            server.tear(torn, at=at)
        elif kind == "mute":
            server.mute()
        else:
            if kind.isdigit():
                self.refuse(int(kind))
            self.end(kind)
        return kind

    def end(self, how: str) -> None:
        """Ends the connection: `politely`, `reset`, any other: cut."""
        self.server.end(how if how in ("politely", "reset") else "cut")

    @property
    def _is_mute(self) -> bool:
        return bool(self.server.connections) and self.server.connections[-1].mute

    def _pieces(self, raw: bytes) -> list[int]:
        """Where a message is cut into packets: one in five is."""
        return self._dice.sample(range(1, len(raw)), 5) if self._dice.random() < 0.2 else []

    def settle(self) -> None:
        self.server.wait_for_connection(90)
        self.server.drained()

    def missed(self, heard: set[bytes]) -> list[tuple[bytes, float]]:
        return [each for each in [*self.server.sent, *self.server.missed] if each[0] not in heard]

    def holes(self) -> list[Hole]:
        """Between which times nobody was connected."""
        return [hole for hole in self.server.holes() if hole[1] < math.inf]  # the last one is our own stop

    def stop(self) -> None:
        self.server.stop()


class X(StreamNetwork[FakeX]):
    """The filtered stream: posts of version 2, repeated lines, edits, control messages."""

    name = "x"
    KINDS = (*StreamNetwork.KINDS, DISCONNECT_MESSAGE)

    def __init__(self, seed: int) -> None:
        super().__init__(seed, FakeX(token="canary", keep_alive_s=0.5))
        self._number = 1_900_000_000_000_000_000
        self._last = b""

    @property
    def address(self) -> str:
        return f"x:terms=chaos,url={self.server.url},silence_s={SILENCE_S}"

    def feed(self, text: str | None = None) -> None:
        if self._last and self._dice.random() < 0.03:
            self.server.feed(self._last)
            return
        self._number += self._dice.randrange(1, 10_000)
        number = str(self._number)
        edited = [str(self._number - 1), number] if self._dice.random() < 0.02 else [number]
        created_at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        data = {"id": number, "edit_history_tweet_ids": edited, "created_at": created_at, "lang": "en"}
        data["text"] = text or f"chaos {self._number} {self._dice.choice(TEXTS)}"
        raw = json.dumps({"data": data, "matching_rules": []}, ensure_ascii=False).encode()
        self.ledger.posts[raw] = f"x:{edited[0]}"
        self.server.feed(raw, pieces=self._pieces(raw))
        self._last = raw

    def end(self, how: str) -> None:
        if how == DISCONNECT_MESSAGE:
            message = self.server.OPERATIONAL_DISCONNECT
            self.ledger.others.add(json.dumps(message, ensure_ascii=False).encode())
            self.server.feed(message)
        super().end(how)

    def torn_message(self) -> bytes:
        return json.dumps({"data": {"id": "1", "text": "torn 日本" * 5}}, ensure_ascii=False).encode()

    def refuse(self, status: int) -> None:
        self.server.refuse(status, reset_in_s=1 if status == 429 else None)


class Mastodon(StreamNetwork[FakeMastodon]):
    """A public stream: statuses, edits, deletes."""

    name = "mastodon"

    def __init__(self, seed: int) -> None:
        super().__init__(seed, FakeMastodon(thump_s=0.5))

    @property
    def address(self) -> str:
        return f"mastodon:{self.server.url},silence_s={SILENCE_S}"

    def feed(self, text: str | None = None) -> None:
        self._number += 1
        number, kind = self._number, self._dice.random()
        end = self._dice.choice([b"\n", b"\n", b"\r\n", b"\r"])
        if kind < 0.05:
            raw = event("delete", str(number), end=end)
            self.ledger.others.add(raw)
        else:
            name = "status.update" if kind < 0.1 else "update"
            payload = status(max(number - 5, 1) if kind < 0.1 else number, text or self._dice.choice(TEXTS))
            payload["edited"] = number  # so that no two are the same bytes
            raw = event(name, payload, end=end)
            self.ledger.posts[raw] = f"mastodon:{payload['uri']}"
        self.server.feed(raw, end=end, pieces=self._pieces(raw))

    def torn_message(self) -> bytes:
        return event("update", status(0, "torn 日本" * 5))

    def refuse(self, status: int) -> None:
        self.server.refuse(status, headers=RETRY_AFTER if status == 429 else None)


class Jetstream(Network):
    """Two hosts of one network, the second with another clock; what they forget is the only thing that is lost."""

    name = "jetstream"
    KINDS = ("close", "cut", "reset", "tear", "mute", "429", "503", "megabyte", "duplicates", "forgets", "refuses")

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.log = EventLog()
        self.hosts = (FakeJetstream(self.log).start(), FakeJetstream(self.log, skew_us=SKEW_US).start())
        self._number = 0

    @property
    def address(self) -> str:
        return f"jetstream:{','.join(each.url for each in self.hosts)},silence_s={SILENCE_S},overlap_s={OVERLAP_S}"

    def feed(self, text: str | None = None) -> None:
        self._number += 1
        number, kind = self._number, self._dice.random()
        told: dict[str, Any] = post(number, text or self._dice.choice(TEXTS), facets=_facets("tag", f"n{number % 50}"))
        identity: str | None = f"jetstream:{told['did']}/{told['commit']['rkey']}"
        if kind < 0.05:
            told["commit"] = {**told["commit"], "operation": "delete", "rkey": f"key{max(number - 9, 1):09d}"}
            del told["commit"]["record"], told["commit"]["cid"]
            identity = None
        elif kind < 0.1:
            told["commit"] |= {"operation": "update", "rkey": f"key{max(number - 9, 1):09d}"}
            identity = f"jetstream:{told['did']}/{told['commit']['rkey']}"
        elif kind < 0.13:
            told = {"did": told["did"], "kind": "account", "account": {"active": True, "seq": number}}
            identity = None
        with self.log.changed:
            self.log.add(told)
            for raw in (each.raw(len(self.log.events) - 1) for each in self.hosts):
                if identity is None:
                    self.ledger.others.add(raw)
                else:
                    self.ledger.posts[raw] = identity

    def misbehave(self) -> str:
        kind = self._next_mishap()
        for host in self.hosts:
            host.rewind_s = 0.0
        if kind == "megabyte":
            self.feed(MEGABYTE)
        elif kind == "mute":
            for host in self.hosts:
                host.mute()
        elif kind in ("forgets", "refuses"):
            self._forget(refuse=kind == "refuses")
        else:
            for host in self.hosts:
                self._break(host, kind)
        return kind

    def _break(self, host: FakeJetstream, kind: str) -> None:
        host.rewind_s = 2.0 if kind == "duplicates" else 0.0
        if kind.isdigit():
            host.refuse(int(kind), headers=RETRY_AFTER)
        if kind == "tear":
            for subscriber in host.live:
                subscriber.order = kind
        else:
            host.end(kind if kind in ("close", "reset") else "cut")

    def _forget(self, *, refuse: bool) -> None:
        """Nobody gets in for a while; then the first events of that while are gone."""
        for host in self.hosts:
            host.refuse(503, times=10_000)
        for host in self.hosts:
            host.end("cut")
        for _ in range(60):
            self.feed()
            time.sleep(0.02)
        self.log.forget(keep=20)
        for host in self.hosts:
            host.refuses_old_cursors = refuse
            host.forgive()
        if refuse:
            deadline = time.monotonic() + 60
            while not self._served() and time.monotonic() < deadline:
                self.feed()
                time.sleep(0.05)

    def _served(self) -> list[Subscriber]:
        return [each for host in self.hosts for each in host.live]

    def settle(self) -> None:
        for host in self.hosts:
            host.forgive()
        deadline = time.monotonic() + 90
        while not any(each.sent >= len(self.log.events) for each in self._served() if not each.mute):
            assert time.monotonic() < deadline, "jetstream's client does not get on"
            time.sleep(0.05)

    def missed(self, heard: set[bytes]) -> list[tuple[bytes, float]]:
        found = []
        for index, (at_us, _) in enumerate(self.log.events):
            if not any(host.raw(index) in heard for host in self.hosts):
                found.append((self.hosts[0].raw(index), at_us / 1_000_000))
        return found

    def stop(self) -> None:
        for host in self.hosts:
            host.stop()


def _facets(*tags: str) -> list[dict[str, Any]]:
    return [{"features": [{"$type": "app.bsky.richtext.facet#tag", "tag": tag}]} for tag in tags]


def merged(spans: list[Hole], apart_s: float) -> list[Hole]:
    """Spans that overlap, or are no further apart than that, as one."""
    found: list[Hole] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1] + apart_s:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found
