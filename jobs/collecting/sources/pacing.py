"""The pace of a replay: flat out, a number of lines per second, or as recorded."""

import threading
import time
from collections.abc import Callable
from datetime import datetime

import msgspec

MAX_RECORDED_WAIT_S = 5.0  # a recording that spans a night should not take a night


class _Times(msgspec.Struct):
    created_at: str | None = None
    timestamp_ms: str | int | None = None
    data: "_Times | None" = None


_decoder = msgspec.json.Decoder(_Times)


def event_time_s(raw: bytes) -> float | None:
    """When the post was made, epoch seconds; None if the line does not say."""
    try:
        times = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    times = times.data or times
    try:
        if times.timestamp_ms is not None:
            return int(times.timestamp_ms) / 1000
        if times.created_at is None:
            return None
        if times.created_at[:1].isdigit():
            return datetime.fromisoformat(times.created_at).timestamp()
        return datetime.strptime(times.created_at, "%a %b %d %H:%M:%S %z %Y").timestamp()
    except (ValueError, OverflowError):
        return None


class Pace:
    """Holds lines back until they are due. `None` lines per second: flat out."""

    def __init__(self, lines_per_s: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._lines_per_s = lines_per_s
        self._clock = clock
        self._start_s = clock()
        self._lines = 0

    def wait(self, raw: bytes, stop: threading.Event) -> None:  # noqa: ARG002 - the recorded pace uses it
        """Returns when the line is due, or at once when `stop` is set."""
        if self._lines_per_s is None:
            return
        self._lines += 1
        wait_s = self._start_s + self._lines / self._lines_per_s - self._clock()
        if wait_s > 0:
            stop.wait(wait_s)


class RecordedPace(Pace):
    """Waits as long as passed between the posts, at most MAX_RECORDED_WAIT_S; undated or out-of-order lines at once."""

    def __init__(self) -> None:
        super().__init__(None)
        self._last_s: float | None = None

    def wait(self, raw: bytes, stop: threading.Event) -> None:
        """Returns when the line is due, or at once when `stop` is set."""
        now_s = event_time_s(raw)
        if now_s is None:
            return
        if self._last_s is not None and now_s > self._last_s:
            stop.wait(min(now_s - self._last_s, MAX_RECORDED_WAIT_S))
        self._last_s = max(now_s, self._last_s or now_s)


def pace_from(text: str) -> Pace:
    """`flat`, `recorded` or lines per second.

    Raises:
        ValueError: it is something else.
    """
    if text == "flat":
        return Pace(None)
    if text == "recorded":
        return RecordedPace()
    lines_per_s = float(text)
    if not 0 < lines_per_s < float("inf"):
        raise ValueError(text)
    return Pace(lines_per_s)
