"""The simulator as a source: lines of a made-up stream, at a pace."""

import threading
import time
from collections.abc import Callable, Iterator

from collecting.filtering.selection import Selection
from collecting.source_api import Gap, Line, SourceError, source_id
from collecting.sources.pacing import Pace
from contract.source_address import SourceAddress
from simulation.posts import lines
from simulation.settings import SimulationSettings


def _now_ms() -> int:
    return int(time.time() * 1000)


class SimulatorSource:
    """Lines of a simulated stream.

    The cursor is `N@START`: N lines were made, and the event time of the first one in epoch milliseconds. A finite
    stream keeps its start, so it resumes with exactly the same lines. An endless one is the present: it resumes with
    the next line, at the current time, unless its address fixes the start.
    """

    replayable = True
    cursor_inclusive = False

    def __init__(self, settings: SimulationSettings, clock_ms: Callable[[], int] = _now_ms) -> None:
        self._settings = settings
        self._clock_ms = clock_ms
        self.source_id = source_id("simulator", f"seed{settings.seed}", settings.identity())

    @classmethod
    def from_address(cls, address: SourceAddress, _: Selection) -> "SimulatorSource":
        """`simulator:posts=N,seed=N,rate=N,start=TIME,…`; see SimulationSettings.

        Raises:
            AddressError: an unknown key or an invalid value.
        """
        return cls(SimulationSettings.from_address(address))

    def read(self, after: str | None, stop: threading.Event) -> Iterator[Line | Gap]:
        """Yields the lines after the cursor, at the rate of the settings.

        Raises:
            SourceError: an invalid cursor.
        """
        settings = self._settings
        first, start_ms = self._resume(after)
        pace = Pace(settings.rate or None)
        for index, line in enumerate(lines(settings, start_ms, first), first + 1):
            pace.wait(line.raw, stop)
            if stop.is_set():
                return
            yield Line(f"{index}@{start_ms}", line.raw, line.dialect)

    def _resume(self, after: str | None) -> tuple[int, int]:
        if after is None:
            return 0, self._settings.first_start_ms(self._clock_ms())
        first, start_ms = parse_cursor(after)
        if not self._settings.posts and self._settings.rate and not self._settings.start:
            start_ms = self._clock_ms() - int(first * self._settings.tick_ms)
        return first, start_ms


def parse_cursor(cursor: str) -> tuple[int, int]:
    """Lines made so far, and the stream's start in epoch milliseconds.

    Raises:
        SourceError: an invalid cursor.
    """
    try:
        made, start_ms = cursor.split("@")
        return int(made), int(start_ms)
    except ValueError:
        raise SourceError(f"source simulator: invalid cursor {cursor!r}") from None
