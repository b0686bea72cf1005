"""A source read by a thread, as a collector would, so that a test can look at what has come."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import collecting.sources
from collecting.filtering.selection import Selection
from collecting.source_api import Gap, Item, Line, Source, SourceError
from contract.source_address import SourceAddress


def open_source(*texts: str, beside: Selection | None = None) -> Source:
    """The source that the addresses name. Raises as the collector's own does, and AddressError."""
    return collecting.sources.open_source([SourceAddress.parse(text) for text in texts], beside)


class Reading:
    """Items so far. Leaving the context stops the source, and it must end in time."""

    def __init__(self, source: Source, after: str | None = None) -> None:
        self.items: list[Item] = []
        self.error: str | None = None
        self.stop = threading.Event()
        self._source = source
        self._after = after
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            for item in self._source.read(self._after, self.stop):
                self.items.append(item)
        except SourceError as error:
            self.error = str(error)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop.set()
        self._thread.join(5)
        assert not self._thread.is_alive(), "it does not stop"

    @property
    def lines(self) -> list[Line]:
        return [each for each in self.items if isinstance(each, Line)]

    @property
    def raw(self) -> list[bytes]:
        return [each.raw for each in self.lines]

    @property
    def gaps(self) -> list[Gap]:
        return [each for each in self.items if isinstance(each, Gap)]

    @property
    def cursor(self) -> str:
        """Of the last item."""
        return self.items[-1].cursor

    def wait_for_lines(self, number: int) -> None:
        eventually(lambda: len(self.lines) >= number, lambda: f"{len(self.lines)} of {number} lines: {self.items[-3:]}")

    def wait_for_gaps(self, number: int) -> None:
        eventually(lambda: len(self.gaps) >= number, lambda: f"{len(self.gaps)} of {number} gaps")

    def wait_for_error(self) -> str:
        eventually(lambda: self.error is not None, lambda: "no error")
        return self.error or ""


def eventually(true: Callable[[], bool], what: Callable[[], str], within_s: float = 20) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, what()
        time.sleep(0.01)
