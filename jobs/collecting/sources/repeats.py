"""A source whose cursor is a time, without what it yields again when it is picked up."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator

from collecting.source_api import Item, Line, Source, last_error_of

TAIL_LINES = 10_000  # an inclusive cursor yields again what came in the last seconds: far fewer than this


class WithoutRepeats:
    """An inclusive source that leaves out what the spool holds already, told by `skip`.

    A line is the same by its cursor and its bytes; one that the network sends twice, at two cursors, stays.
    """

    cursor_inclusive = True
    skips = TAIL_LINES

    def __init__(self, source: Source) -> None:
        self._source = source
        self._held: set[tuple[str, bytes]] = set()
        self.source_id = source.source_id
        self.replayable = source.replayable

    @property
    def last_error(self) -> str | None:
        """What holds the source up."""
        return last_error_of(self._source)

    def skip(self, held: Iterable[Line]) -> None:
        """Does not yield these lines again."""
        self._held = {(line.cursor, line.raw) for line in deque(held, TAIL_LINES)}

    def read(self, after: str | None, stop: threading.Event) -> Iterator[Item]:
        """Yields what the source does, but for what is held. Raises as it does."""
        held = self._held
        for item in self._source.read(after, stop):
            if held and isinstance(item, Line) and (item.cursor, item.raw) in held:
                continue
            yield item
