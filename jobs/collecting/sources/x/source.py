"""X's filtered stream as a source: rules, one connection after another, and the gaps between them."""

import contextlib
import logging
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from collecting.filtering.selection import Selection
from collecting.source_api import CursorOnly, Gap, Item, Line, SourceError, source_id
from collecting.sources.x import rules, spend
from collecting.sources.x.client import Client, Stream
from collecting.sources.x.disconnect_message import said_goodbye
from collecting.sources.x.policy import Failed, Policy, utc
from collecting.sources.x.settings import XSettings
from collecting.sources.x.spend import Spending
from collecting.sources.x.splitter import LineTooLong, Splitter
from collecting.sources.x.token import read_token
from contract.source_address import SourceAddress

log = logging.getLogger(__name__)

STABLE_S = 10.0  # a connection that lasted this long ends a series of failures
GAP_EVERY_S = 3600.0  # a long outage is recorded in pieces, before it ends
NOT_RUNNING = "the collector was not running"


@dataclass(frozen=True)
class Timing:
    """Waits that tests shorten."""

    policy: Policy = field(default_factory=Policy)
    stable_s: float = STABLE_S
    gap_every_s: float = GAP_EVERY_S


class XSource:
    """Lines of X, as received. X keeps nothing for us: each time without a connection is a gap.

    The cursor is `N@TIME`: N lines were read over the address's life, and when the last byte came, in epoch
    milliseconds. A keep-alive moves TIME on.

    Attributes:
        last_error: why it is not connected; None while it is.
        server_side: keys of the selection that X's rules apply.
    """

    replayable = False
    cursor_inclusive = False
    server_side = frozenset({"terms", "hashtags", "langs", "box"})

    def __init__(
        self,
        settings: XSettings,
        *,
        timing: Timing | None = None,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.last_error: str | None = None
        self.source_id = source_id("x", settings.name, settings.url, *settings.rules)
        self._settings = settings
        self._timing = timing or Timing()
        self._clock = clock
        self._chance = chance

    @classmethod
    def from_address(cls, address: SourceAddress, selection: Selection) -> "XSource":
        """`x:terms=rain+snow,langs=en,geo=1`; see XSettings. The token is read when reading begins.

        Raises:
            AddressError: an unknown key.
            SourceError: an invalid value, or something that X's rules cannot express.
        """
        return cls(XSettings.from_address(address, selection))

    def read(self, after: str | None, stop: threading.Event) -> Iterator[Item]:
        """Yields X's lines until `stop`. Blank lines are keep-alives: they only advance the cursor.

        Raises:
            SourceError: no token; X refuses the token, a rule or the request; or the spending cannot be recorded.
        """
        client = Client(
            read_token(),
            url=self._settings.url,
            proxy=self._settings.proxy,
            silence_s=self._settings.silence_s,
            clock=self._clock,
        )
        spending = Spending(self._spend_file(), self._settings.budget, self._clock)
        try:
            with contextlib.closing(client.session):
                yield from _Reading(self, client, spending, after).run(stop)
        finally:
            self.last_error = None
            spending.close()

    def _spend_file(self) -> Path | None:
        name = os.environ.get(spend.VARIABLE)
        if not name and self._settings.budget.is_limited:
            raise SourceError(f"source x: a budget is kept in a file: {spend.VARIABLE} must name it")
        return Path(name) if name else None


@dataclass
class _Hole:
    """A time without a connection: its begin (epoch seconds), and the reasons, each once."""

    begin: float
    reasons: list[str]

    def because(self, why: str) -> None:
        if why not in self.reasons:
            self.reasons.append(why)

    @property
    def why(self) -> str:
        first, *later = self.reasons
        return f"{first}; then {later[-1]}" if later else first


class _Reading:
    """One call of read()."""

    def __init__(self, source: XSource, client: Client, spending: Spending, after: str | None) -> None:
        self._source = source
        self._client = client
        self._spending = spending
        self._clock = source._clock
        self._timing = source._timing
        self._count, since = _parse_cursor(after)
        self._last_byte_at = self._clock()
        self._hole = None if since is None else _Hole(since, [NOT_RUNNING])
        self._failures = 0

    def run(self, stop: threading.Event) -> Iterator[Item]:
        """Connects, reads, waits, in a loop."""
        try:
            while not stop.is_set():
                yield from self._once(stop)
        except SourceError:
            yield from self._gap_so_far()
            raise
        yield from self._gap_so_far()

    def _once(self, stop: threading.Event) -> Iterator[Item]:
        over = self._spending.exhausted()
        if over is not None:
            say = f"{over.why} until {over.until.isoformat()}"
            log.warning("%s", say)
            yield from self._wait(over.until.timestamp() - self._clock(), over.why, stop, say=say)
            return
        try:
            yield from self._connection(stop)
        except (Failed, LineTooLong) as error:
            failed = error if isinstance(error, Failed) else Failed(str(error))
            self._failures += 1
            wait_s = self._timing.policy.wait_s(failed, self._failures, self._clock(), self._source._chance)
            log.warning("%s; next try in %.1f s", failed.why, wait_s)
            yield from self._wait(wait_s, failed.why, stop, say=f"{failed.why}: next try in {wait_s:.0f} s")

    # -- one connection

    def _connection(self, stop: threading.Event) -> Iterator[Item]:
        rules.keep_in_line(self._client, self._source._settings.rules)
        stream = self._client.connect()
        opened_at = self._last_byte_at = self._clock()
        log.info("connected to %s, %d rules", self._source._settings.url, len(self._source._settings.rules))
        self._source.last_error = None
        try:
            yield from self._gap_so_far()
            self._hole = None
            yield from self._lines(stream, stop)
        finally:
            stream.close()
            if self._clock() - opened_at >= self._timing.stable_s:
                self._failures = 0

    def _lines(self, stream: Stream, stop: threading.Event) -> Iterator[Item]:
        """Reads until `stop` or the budget's end. A line torn by our own stop is dropped: it is in the next gap."""
        splitter = Splitter()
        try:
            for chunk in stream.chunks(stop):
                self._last_byte_at = self._clock()
                yield from self._taken(splitter.feed(chunk))
                over = self._spending.exhausted()
                if over is not None:
                    self._hole = _Hole(self._last_byte_at, [over.why])
                    return
        except Failed:
            if torn := splitter.rest():
                yield from self._taken([torn])  # X will not send it again: it is recorded as dead
            raise

    def _taken(self, lines: list[bytes]) -> Iterator[Item]:
        posts = [line for line in lines if line.strip()]
        if not posts and lines:
            yield CursorOnly(self._cursor(self._last_byte_at))
        self._spending.add(len(posts))  # received posts are paid for, whether taken or not
        for raw in posts:
            self._count += 1
            yield Line(self._cursor(self._last_byte_at), raw, "x")
        if goodbye := next(filter(None, map(said_goodbye, posts)), None):
            raise Failed(f"X said: {goodbye}")

    # -- between connections

    def _wait(self, seconds: float, why: str, stop: threading.Event, *, say: str) -> Iterator[Item]:
        self._hole = self._hole or _Hole(self._last_byte_at, [])
        self._hole.because(why)
        self._source.last_error = say
        deadline = time.monotonic() + seconds
        while (left_s := deadline - time.monotonic()) > 0:
            if stop.wait(min(left_s, self._timing.gap_every_s)):
                return
            if self._clock() - self._hole.begin >= self._timing.gap_every_s:
                yield from self._gap_so_far()

    def _gap_so_far(self) -> Iterator[Gap]:
        """The gap until now, if any; the rest begins here."""
        if self._hole is None:
            return
        now = self._clock()
        begin, why = min(self._hole.begin, now), self._hole.why  # a clock that was set back makes no negative gap
        self._hole = _Hole(now, self._hole.reasons[-1:])
        yield Gap(self._cursor(now), why, utc(begin), utc(now))

    def _cursor(self, at: float) -> str:
        return f"{self._count}@{int(at * 1000)}"


def _parse_cursor(cursor: str | None) -> tuple[int, float | None]:
    if cursor is None:
        return 0, None
    try:
        count, at_ms = (int(part) for part in cursor.split("@"))
    except ValueError:
        raise SourceError(f"source x: invalid cursor {cursor!r}") from None
    return count, at_ms / 1000
