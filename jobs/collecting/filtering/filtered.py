"""A source with its selection applied: filters, a limit of posts, a duration."""

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator

import formats
from collecting.filtering.selection import PostFilter, Selection
from collecting.source_api import CursorOnly, Gap, Item, Line, Skipping, Source, last_error_of, source_id
from formats.parsed import Parsed

PASSED_INTERVAL_S = 1.0
REMEMBERED_POSTS = 200_000  # repeats further apart than this count twice towards the limit
_COUNTED = re.compile(r"taken=(\d+);(.*)", re.DOTALL)


class FilteredSource:
    """A source's selection. Only posts are left out: other records, or unreadable ones, always pass.

    With a limit the cursor is `taken=N;CURSOR`: N posts of different identity were taken up to here. So the
    count is where the line is, in the spool, and a crash loses both or neither. With another limit, or without one,
    the same source resumes; other filters make another source (source_id).
    """

    def __init__(self, source: Source, selection: Selection, clock: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        server_side: frozenset[str] = getattr(source, "server_side", frozenset())
        self._selection = selection.without(server_side)
        filters = self._selection.filters
        self._post_filter = PostFilter(self._selection) if filters else None
        self._limit = selection.limit
        self._clock = clock
        self._taken = 0
        self._identities: dict[int, None] = {}
        self.source_id = source_id(source.source_id, "", repr(filters)) if filters else source.source_id
        self.replayable = source.replayable
        self.cursor_inclusive = source.cursor_inclusive

    @property
    def last_error(self) -> str | None:
        """Why the source is not reading."""
        return last_error_of(self._source)

    @property
    def parts(self) -> tuple[str, ...]:
        """The ids of the sources that are merged here, if several are."""
        parts: tuple[str, ...] = getattr(self._source, "parts", ())
        return parts

    @property
    def skips(self) -> int:
        """How many of the last lines it wants to see."""
        inner = self._source.skips if isinstance(self._source, Skipping) else 0
        return inner if self._limit is None else max(inner, REMEMBERED_POSTS)

    def skip(self, held: Iterable[Line]) -> None:
        """Passes them to the source, and remembers which posts have counted towards the limit."""
        lines: Iterator[Line] = (line._replace(cursor=apart(line.cursor)[1] or "") for line in held)
        if self._limit is not None:
            lines = self._remembering(lines)
        if isinstance(self._source, Skipping) and self._source.skips:
            self._source.skip(lines)
        for _ in lines:
            pass

    def _remembering(self, lines: Iterable[Line]) -> Iterator[Line]:
        for line in lines:
            self._remember(formats.post_key(line.dialect, line.raw) if line.post_id is None else line.post_id)
            yield line

    def read(self, after: str | None, stop: threading.Event) -> Iterator[Item]:
        """Yields the selection until it is complete. Raises as the source does."""
        self._taken, inner = apart(after)
        if self._limit is not None and self._taken >= self._limit:
            return
        if self._selection.duration_s is not None:
            stop = Deadline(stop, self._selection.duration_s, self._clock)
        items = self._source.read(inner, stop)
        yield from items if self._post_filter is None and self._limit is None else self._selected(items)

    def _selected(self, items: Iterator[Item]) -> Iterator[Item]:
        passed: str | None = None
        said_at_s = self._clock()
        for item in items:
            wanted = self._wanted(item) if isinstance(item, Line) else item
            if wanted is None:
                passed = item.cursor
                if self._clock() - said_at_s < PASSED_INTERVAL_S:
                    continue
            passed, said_at_s = None, self._clock()
            yield self._counted(wanted or CursorOnly(item.cursor))
            if self._limit is not None and self._taken >= self._limit:
                return
        if passed is not None:
            yield self._counted(CursorOnly(passed))

    def _wanted(self, line: Line) -> Line | None:
        """The line with its post's identity if it is for the spool, and counted; None if it is filtered out."""
        parsed = formats.parse(line.dialect, line.raw)
        if parsed.kind != "post":
            return line
        if self._post_filter is not None:
            details = formats.describe(line.dialect, line.raw) if self._post_filter.needs_details else None
            if not self._post_filter.takes(parsed, details):
                return None
        self._count(parsed)
        return line._replace(post_id=parsed.post_id)

    def _count(self, post: Parsed) -> None:
        if self._limit is not None and (post.post_id is None or self._remember(post.post_id)):
            self._taken += 1

    def _remember(self, post_id: str | None) -> bool:
        """Whether the post is new."""
        if not post_id or (number := hash(post_id)) in self._identities:
            return False
        self._identities[number] = None
        if len(self._identities) > REMEMBERED_POSTS:
            del self._identities[next(iter(self._identities))]
        return True

    def _counted(self, item: Item) -> Item:
        if self._limit is None or (isinstance(item, Gap) and not item.cursor):
            return item
        return item._replace(cursor=f"taken={self._taken};{item.cursor}")


class Deadline(threading.Event):
    """An event that is set when another is, or when the time is up."""

    def __init__(self, stop: threading.Event, within_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._stop = stop
        self._clock = clock
        self._at_s = clock() + within_s

    def is_set(self) -> bool:
        """Whether it is time to end."""
        return self._stop.is_set() or self._clock() >= self._at_s

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until it is set, or for the given seconds; returns whether it is set."""
        left = max(self._at_s - self._clock(), 0.0)
        self._stop.wait(left if timeout is None else min(left, timeout))
        return self.is_set()


def apart(cursor: str | None) -> tuple[int, str | None]:
    """How many posts were taken up to a cursor, and the source's own cursor."""
    found = _COUNTED.fullmatch(cursor or "")
    return (int(found[1]), found[2] or None) if found else (0, cursor)
