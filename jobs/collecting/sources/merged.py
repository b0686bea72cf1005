"""Several sources read as one."""

import json
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from collecting.source_api import Gap, Item, Line, Skipping, Source, SourceError, last_error_of, source_id
from contract.backoff import Backoff, Retries

QUEUED_ITEMS = 64  # a source: few, since a line may have a megabyte; enough to hide the change of threads
LOOK_INTERVAL_S = 0.2
STOP_WITHIN_S = 5.0
SEVERAL = "several"  # how its source ids begin
BACKOFF = Backoff(5.0, 900.0, jitter=0.0)

log = logging.getLogger(__name__)


@dataclass
class _Child:
    """One of the sources.

    Attributes:
        cursor: of the last item that was passed on.
        error: why it does not read at the moment; it is retried at `retry_at_s`.
        ended: it has no more lines.
    """

    source: Source
    cursor: str | None = None
    error: str | None = None
    retry_at_s: float = 0.0
    retries: Retries = field(default_factory=lambda: Retries(BACKOFF))
    ended: bool = False
    thread: threading.Thread | None = None
    held: list[Line] = field(default_factory=list)


@dataclass(frozen=True)
class _End:
    """A reading thread's last item: an error, or None if the source has no more lines."""

    error: Exception | None


class MergedSource:
    """Lines of several sources as they come, each read by a thread of its own.

    The cursor is a JSON object: source_id → that source's own cursor; the source of the line is last.
    The source_id depends on which sources they are, not on their order.

    A source that fails (SourceError) does not stop the others: it is named in `last_error` and retried from its
    cursor, at first after 5 s, at last every 15 minutes; it reports what it missed itself, as after any start. When no
    source reads any more and one of them has failed, the whole fails.
    """

    def __init__(self, sources: list[Source], clock: Callable[[], float] = time.monotonic) -> None:
        self._children = {source.source_id: _Child(source) for source in sources}
        if len(self._children) < len(sources):
            raise SourceError("several sources: one of them is given twice")
        self._clock = clock
        source_ids = sorted(self._children)
        self.parts = tuple(self._children)
        self.source_id = source_id(SEVERAL, "-".join(each.split("-")[0] for each in source_ids), *source_ids)
        self.replayable = all(source.replayable for source in sources)
        self.cursor_inclusive = any(source.cursor_inclusive for source in sources)

    @property
    def last_error(self) -> str | None:
        """Why each source that is not reading is not."""
        said = [
            f"{name}: {why}"
            for name, child in self._children.items()
            if (why := child.error or last_error_of(child.source))
        ]
        return "; ".join(said) or None

    @property
    def skips(self) -> int:
        """How many of the last lines it wants to see."""
        return sum(child.source.skips for child in self._children.values() if isinstance(child.source, Skipping))

    def skip(self, held: Iterable[Line]) -> None:
        """Passes each source its own lines."""
        for line in held:
            name, cursor = list(cursors_of(line.cursor).items())[-1]
            if name in self._children:
                self._children[name].held.append(line._replace(cursor=cursor))
        for child in self._children.values():
            if isinstance(child.source, Skipping) and child.source.skips:
                child.source.skip(child.held)
            child.held = []

    def read(self, after: str | None, stop: threading.Event) -> Iterator[Item]:
        """Yields the sources' items as they come.

        Raises:
            SourceError: none of them can continue; the message has each reason.
        """
        for name, cursor in cursors_of(after).items():
            if name in self._children:
                self._children[name].cursor = cursor
        reading = _Reading(self._children, self._clock)
        try:
            while not stop.is_set():
                reading.start_due()
                taken = reading.next(LOOK_INTERVAL_S)
                if taken is not None:
                    yield self._handed_on(*taken)
                elif reading.is_over:
                    reading.raise_what_failed()
                    return
            for taken in reading.stop():
                yield self._handed_on(*taken)
        finally:
            reading.abandon()

    def _handed_on(self, name: str, item: Item) -> Item:
        child = self._children[name]
        child.cursor = item.cursor or child.cursor
        others = {key: each.cursor for key, each in self._children.items() if key != name and each.cursor}
        cursor = json.dumps({**others, name: child.cursor}) if child.cursor else ""
        if isinstance(item, Gap):
            return item._replace(cursor=cursor, source=item.source or name)
        return item._replace(cursor=cursor)


class _Reading:
    """The threads of one `read`, and what they bring."""

    def __init__(self, children: dict[str, _Child], clock: Callable[[], float]) -> None:
        self._children = children
        self._clock = clock
        self._arrived: queue.Queue[tuple[str, Item | _End]] = queue.Queue(QUEUED_ITEMS * len(children))
        self._stopping = threading.Event()  # what the sources are given
        self._abandoned = threading.Event()  # the queue is no longer read

    def start_due(self) -> None:
        """Starts the sources that should read and do not."""
        for name, child in self._children.items():
            if child.thread is None and not child.ended and self._clock() >= child.retry_at_s:
                child.error = None
                child.thread = threading.Thread(target=self._run, args=(name, child), name=f"read {name}", daemon=True)
                child.thread.start()

    def _run(self, name: str, child: _Child) -> None:
        error: Exception | None = None
        try:
            for item in child.source.read(child.cursor, self._stopping):
                self._put(name, item)
                if self._abandoned.is_set():
                    return
        except SourceError as why:
            error = why
        except Exception as why:
            log.exception("reading %s failed", name)
            error = SourceError(f"failed: {type(why).__name__}: {why}")
        self._put(name, _End(error))

    def _put(self, name: str, item: "Item | _End") -> None:
        while not self._abandoned.is_set():
            with suppress(queue.Full):
                self._arrived.put((name, item), timeout=LOOK_INTERVAL_S)
                return

    def next(self, within_s: float) -> tuple[str, Item] | None:
        """The next item; None if nothing came in time, or a source ended."""
        try:
            name, item = self._arrived.get(timeout=within_s)
        except queue.Empty:
            return None
        child = self._children[name]
        if not isinstance(item, _End):
            child.retries.reset()
            return name, item
        if child.thread is not None:
            child.thread.join()
            child.thread = None
        if item.error is None:
            child.ended = True
        else:
            child.error = str(item.error)
            wait_s = child.retries.next_s()
            child.retry_at_s = self._clock() + wait_s
            log.warning("%s failed: %s; retrying in %.1f s; the others keep reading", name, child.error, wait_s)
        return None

    @property
    def is_over(self) -> bool:
        """Whether no source reads."""
        return all(child.thread is None and (child.ended or child.error) for child in self._children.values())

    def raise_what_failed(self) -> None:
        """Raises SourceError with the reason of each failed source, if any."""
        failed = [f"{name}: {child.error}" for name, child in self._children.items() if child.error]
        if failed:
            raise SourceError("; ".join(failed))

    def stop(self) -> Iterator[tuple[str, Item]]:
        """Ends the sources, and yields what live ones had already read; replayable ones repeat theirs next time."""
        self._stopping.set()
        deadline_s = time.monotonic() + STOP_WITHIN_S
        while any(child.thread for child in self._children.values()) and time.monotonic() < deadline_s:
            taken = self.next(LOOK_INTERVAL_S)
            if taken is not None and not self._children[taken[0]].source.replayable:
                yield taken

    def abandon(self) -> None:
        """Ends the threads; their last items are dropped."""
        self._stopping.set()
        self._abandoned.set()
        for child in self._children.values():
            if child.thread is not None:
                child.thread.join(STOP_WITHIN_S)
                child.thread = None


def cursors_of(text: str | None) -> dict[str, str]:
    """Each source's own cursor by its source_id; the one that the line came from is the last.

    Raises:
        SourceError: an invalid cursor of merged sources.
    """
    if not text:
        return {}
    try:
        cursors = json.loads(text)
    except ValueError:
        cursors = None
    if not isinstance(cursors, dict) or not all(isinstance(each, str) for each in cursors.values()):
        raise SourceError(f"several sources: {text!r} is no cursor of theirs")
    return cursors
