"""A source that can be told what need not come again, made of any that repeats what it yielded before."""

import threading
from collections.abc import Iterable, Iterator

from collecting.source_api import Item, Line, Source


class WithoutRepeats:
    """Leaves out the lines that it is told of by `skip`. A line is the same by its cursor and its bytes."""

    cursor_inclusive = True
    skips = 10_000
    last_error: str | None = None

    def __init__(self, source: Source) -> None:
        self._source = source
        self._held: set[tuple[str, bytes]] = set()
        self.source_id = source.source_id
        self.replayable = source.replayable

    def skip(self, held: Iterable[Line]) -> None:
        self._held = {(line.cursor, line.raw) for line in held}

    def read(self, after: str | None, stop: threading.Event) -> Iterator[Item]:
        for item in self._source.read(after, stop):
            if not (isinstance(item, Line) and (item.cursor, item.raw) in self._held):
                yield item
