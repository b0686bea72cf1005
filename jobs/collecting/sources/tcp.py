"""A client of any server that sends lines over TCP: our serve_lines, netcat, a log shipper."""

import logging
import re
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from collecting.filtering.selection import Selection
from collecting.source_api import Gap, Item, Line, SourceError, source_id
from collecting.sources.file import DIALECTS
from contract.backoff import Backoff, Retries
from contract.source_address import SourceAddress

CONNECT_WITHIN_S = 5.0
LOOK_INTERVAL_S = 0.2  # a stop is noticed within this time
RECEIVE_BYTES = 256 * 1024
MAX_LINE_BYTES = 16 * 1024 * 1024  # as for files: longer lines are recorded, not kept
# A server may be silent for hours; one that vanished is noticed in about two minutes.
_KEEP_ALIVE = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4))


log = logging.getLogger(__name__)


class TcpSource:
    """Lines of one line server, until `stop`.

    A line server does not repeat lines: from the end of one connection to the beginning of the next there is a gap. The
    cursor is `LINES@MS@SERIES`: lines received so far, when the last one came, epoch milliseconds, and a random name of
    all that was read since there was no cursor: another machine's server of the same address sends other lines. (An
    older version's cursor has no name yet.) A last line without an end is a line too.

    After the server closes the connection we connect again; with `ends`, its closing ends the source.
    """

    replayable = False
    cursor_inclusive = False

    def __init__(
        self,
        host: str,
        port: int,
        *,
        dialect: str | None = None,
        ends: bool = False,
        clock: Callable[[], float] = time.time,
        backoff: Backoff | None = None,
    ) -> None:
        self.last_error: str | None = None
        self.source_id = source_id("tcp", f"{host}-{port}", host, str(port))
        self._address = (host, port)
        self._where = f"{host}:{port}"
        self._dialect = dialect
        self._ends = ends
        self._clock = clock
        self._retries = Retries(backoff)
        self._lines = 0
        self._series = ""
        self._away_since_ms: int | None = None  # when we were last sure to miss nothing; None: never connected

    @classmethod
    def from_address(cls, address: SourceAddress, _: Selection) -> "TcpSource":
        """`tcp:HOST:PORT,dialect=auto|x|…,ends=0|1`.

        Raises:
            SourceError: no host and port, or an invalid value.
        """
        address.refuse_unknown({"dialect", "ends"})
        if len(address.items) != 1:
            raise SourceError("source tcp: expected one HOST:PORT")
        host, port = _host_and_port(address.items[0])
        dialect = address.values.get("dialect", "auto")
        if dialect not in DIALECTS:
            raise SourceError(f"source tcp: unknown dialect={dialect}; allowed: {', '.join(DIALECTS)}")
        ends = address.values.get("ends", "0")
        if ends not in ("0", "1"):
            raise SourceError(f"source tcp: ends={ends} is neither 0 nor 1")
        return cls(host, port, dialect=None if dialect == "auto" else dialect, ends=ends == "1")

    def read(self, after: str | None, stop: threading.Event) -> Iterator[Item]:
        """Yields lines, and a gap for each time without a connection.

        Raises:
            SourceError: an invalid cursor.
        """
        self._lines, self._away_since_ms, series = _parse_cursor(after)
        self._series = series or secrets.token_hex(8)
        while not stop.is_set():
            connection = self._connected(stop)
            if connection is None:
                return
            with connection:
                yield from self._received(connection, stop)
            if stop.is_set() or self._ends:
                return
            stop.wait(self._retries.next_s())

    def _connected(self, stop: threading.Event) -> socket.socket | None:
        """Connects, retrying until it succeeds; None at a stop."""
        while not stop.is_set():
            try:
                connection = socket.create_connection(self._address, timeout=CONNECT_WITHIN_S)
            except OSError as error:
                wait_s = self._retries.next_s()
                self.last_error = f"{self._where} cannot be reached: {error.strerror or error}"
                log.warning("%s; retrying in %.1f s", self.last_error, wait_s)
                stop.wait(wait_s)
                continue
            connection.settimeout(LOOK_INTERVAL_S)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in _KEEP_ALIVE:
                connection.setsockopt(socket.IPPROTO_TCP, option, value)
            self.last_error = None
            return connection
        return None

    def _received(self, connection: socket.socket, stop: threading.Event) -> Iterator[Item]:
        """One connection's lines, until it ends or `stop`."""
        if self._away_since_ms is not None:
            yield self._gap("not connected", self._away_since_ms)
        self._away_since_ms = self._now_ms()
        why, buffer = "the server closed the connection", _Buffer()
        while not stop.is_set():
            try:
                received = connection.recv(RECEIVE_BYTES)
            except TimeoutError:
                continue
            except OSError as error:
                why, received = f"the connection was lost: {error.strerror or error}", b""
            now_ms = self._now_ms()
            for line in buffer.lines(received):
                self._retries.reset()
                self._away_since_ms = now_ms
                self._lines += 1
                yield self._item(line)
            if not received:
                break
        if not stop.is_set():
            self._away_since_ms = self._now_ms()
            self.last_error = f"{self._where}: {why}"
            log.info("%s", self.last_error)

    def _item(self, line: "bytes | _TooLong") -> Item:
        if isinstance(line, bytes):
            return Line(self._cursor, line, self._dialect)
        return Gap(self._cursor, f"{self._where}: a line of {line.size} bytes is left out")

    def _gap(self, why: str, since_ms: int) -> Gap:
        now_ms = self._now_ms()
        self._away_since_ms = now_ms
        # Milliseconds are truncated: the gap ends with the current one, not before it.
        return Gap(self._cursor, f"{self._where}: {why}", _moment(since_ms), _moment(now_ms + 1))

    @property
    def _cursor(self) -> str:
        return f"{self._lines}@{self._away_since_ms}@{self._series}"

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


class _TooLong:
    """A line beyond MAX_LINE_BYTES.

    Attributes:
        size: its bytes.
    """

    def __init__(self, size: int) -> None:
        self.size = size


class _Buffer:
    """Bytes as they arrive → lines, without their ends."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []  # parts of the unfinished line, joined once at its end
        self._size = 0

    def lines(self, received: bytes) -> Iterator[bytes | _TooLong]:
        """The lines completed by these bytes; without bytes, at the end, the rest."""
        if not received:
            if self._size:
                yield self._take()
            return
        *whole, rest = received.split(b"\n")
        for part in whole:
            self._add(part)
            yield self._take()
        self._add(rest)

    def _add(self, part: bytes) -> None:
        self._size += len(part)
        if self._size <= MAX_LINE_BYTES:
            self._parts.append(part)
        else:
            self._parts.clear()

    def _take(self) -> bytes | _TooLong:
        parts, size = self._parts, self._size
        self._parts, self._size = [], 0
        return b"".join(parts).removesuffix(b"\r") if size <= MAX_LINE_BYTES else _TooLong(size)


def _host_and_port(text: str) -> tuple[str, int]:
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\s\[\]]+)):(\d{1,5})", text)
    if found is None or not 0 < int(found[3]) < 65536:
        raise SourceError(f"source tcp: {text!r} is no HOST:PORT")
    return found[1] or found[2], int(found[3])


def _parse_cursor(cursor: str | None) -> tuple[int, int | None, str | None]:
    if cursor is None:
        return 0, None, None
    found = re.fullmatch(r"(\d+)@(\d{1,15})(?:@([0-9a-f]{16}))?", cursor)
    if found is None:
        raise SourceError(f"source tcp: invalid cursor {cursor!r}")
    return int(found[1]), int(found[2]), found[3]


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
