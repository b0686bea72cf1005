"""Source → spool → topic: the threads of one collector, and how it ends."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from collecting import resuming
from collecting.publish.publisher import Publisher
from collecting.source_api import CursorOnly, Gap, Skipping, Source, SourceError, last_error_of
from collecting.spool.segments import SpoolCorrupt
from collecting.spool.spool import Spool
from contract.source_address import SourceAddress, shown
from contract.spool import state
from contract.spool.state import CollectorState

log = logging.getLogger(__name__)

STATE_INTERVAL_S = 1.0
POLL_INTERVAL_S = 0.1
DRAIN_AT_STOP_S = 10.0
BUDGET_POLL_S = 0.2


class Reader:
    """Takes lines from the source into the spool until the source ends, `stop` is set, or it fails.

    Attributes:
        error: why it failed, one line; None if it ended well.
        held_up: why it waits at the moment; None while it reads.
        ended: the source has no more lines.
    """

    def __init__(
        self, source: Source, cursor: str | None, spool: Spool, clock: Callable[[], float] = time.time
    ) -> None:
        self.error: str | None = None
        self.held_up: str | None = None
        self.ended = False
        self._source: Source = source
        self._cursor = cursor
        self._spool = spool
        self._clock = clock

    def run(self, stop: threading.Event) -> None:
        """Reads. Never raises: a failure is in `error`."""
        try:
            try:
                self._read(stop)
                self.ended = not stop.is_set()
            finally:
                self._spool.sync()  # also what came before the source failed
        except SourceError as error:
            self.error = str(error)
        except OSError as error:
            self.error = f"the spool {self._spool.directory} cannot be written: {error.strerror or error}"
        except Exception as error:
            log.exception("reading %s failed", self._source.source_id)
            self.error = f"reading {self._source.source_id} failed: {type(error).__name__}: {error}"

    def _read(self, stop: threading.Event) -> None:
        self._replay_tail()
        for item in self._source.read(self._cursor, stop):
            if isinstance(item, Gap):
                self._append_gap(item)
                continue
            if isinstance(item, CursorOnly):
                self._spool.advance_cursor(item.cursor)
                continue
            if self._spool.full:
                self._wait_for_space(stop)
                if stop.is_set():
                    return  # not taken: it is read again from the cursor
            self._spool.append(item, int(self._clock() * 1000))

    def _replay_tail(self) -> None:
        """Shows the source the last lines of the spool, so that it yields none of them again."""
        if self._cursor is None or not isinstance(self._source, Skipping) or not self._source.skips:
            return
        with self._spool.nothing_removed():  # the publisher works already, and may remove segments
            self._source.skip(resuming.replay_tail(self._source, self._spool.directory))

    def _wait_for_space(self, stop: threading.Event) -> None:
        """The budget is used up while Kafka is away: reading pauses until a segment is free."""
        begin = self._clock()
        why = f"the spool's budget of {self._spool.budget_bytes // 2**20} MB is used up"
        self.held_up = f"{why}: reading waits"
        log.warning("%s", self.held_up)
        while self._spool.full and not stop.wait(BUDGET_POLL_S):
            pass
        self.held_up = None
        log.info("reading resumes after %.1f s", self._clock() - begin)
        if not self._source.replayable:  # a file misses nothing; a live stream does
            self._append_gap(
                Gap("", why, datetime.fromtimestamp(begin, UTC), datetime.fromtimestamp(self._clock(), UTC))
            )

    def _append_gap(self, gap: Gap) -> None:
        now = self._clock()
        begin, end = (each or datetime.fromtimestamp(now, UTC) for each in (gap.begin, gap.end))
        source_id = gap.source or self._source.source_id
        log.warning("gap in %s from %s to %s: %s", source_id, begin.isoformat(), end.isoformat(), gap.why)
        event = {"source": source_id, "from": begin.isoformat(), "to": end.isoformat(), "why": gap.why}
        self._spool.append_event({"gap": event}, int(now * 1000), gap.cursor or None)


class Collector:
    """One run: reads until the source ends or a stop is requested, and publishes all that it has read."""

    def __init__(self, sources: tuple[SourceAddress, ...], source: Source, spool: Spool, publisher: Publisher) -> None:
        self._sources = sources
        self._source = source
        self._spool = spool
        self._publisher = publisher
        own = spool.begin(shown(sources), source.source_id, replayable=source.replayable)
        cursor = resuming.cursor_for(source, own, spool.directory)
        if cursor is not None and cursor != own:
            spool.advance_cursor(cursor)
        self._reader = Reader(source, cursor, spool)
        self._stop_reading = threading.Event()
        self._stop_publishing = threading.Event()
        self._publisher_error: str | None = None

    def run(self, stop: threading.Event) -> CollectorState:
        """Runs to its end and returns the last state, which is also written.

        `finished` when the source has ended and everything is acknowledged; `stopped` when `stop` was set, or a stop
        was requested in the spool (checked each second); `failed` with the error when the source or the disk failed:
        what was read until then is published first.
        """
        reading = threading.Thread(target=self._reader.run, args=(self._stop_reading,), name="reader", daemon=True)
        publishing = threading.Thread(target=self._publish, name="publisher", daemon=True)
        publishing.start()
        reading.start()
        write_at_s = 0.0
        while not stop.is_set() and not self._publisher_error and (reading.is_alive() or not self._drained):
            if time.monotonic() >= write_at_s:
                self._write_state(state.RUNNING)
                write_at_s = time.monotonic() + STATE_INTERVAL_S
                if self._spool.stop_is_requested:
                    break
            stop.wait(POLL_INTERVAL_S)
        self._stop_reading.set()
        reading.join(timeout=DRAIN_AT_STOP_S)
        self._drain(DRAIN_AT_STOP_S)
        self._stop_publishing.set()
        publishing.join(timeout=2 * DRAIN_AT_STOP_S)
        return self._write_state(self._outcome(), final=True)

    def _publish(self) -> None:
        try:
            self._publisher.run(self._stop_publishing)
        except (SpoolCorrupt, OSError) as error:
            self._publisher_error = f"the spool cannot be published: {error}"
        except Exception as error:
            log.exception("publishing failed")
            self._publisher_error = f"publishing failed: {type(error).__name__}: {error}"

    @property
    def _drained(self) -> bool:
        return self._publisher.acked.records >= self._spool.durable.records

    def _drain(self, within_s: float) -> None:
        """At a stop: publishes what is read, if Kafka takes it in time; else it stays in the spool."""
        deadline_s = time.monotonic() + within_s
        while (
            not (self._drained or self._publisher_error or self._publisher.last_error) and time.monotonic() < deadline_s
        ):
            time.sleep(0.02)

    def _outcome(self) -> str:
        if self._publisher_error or self._reader.error:
            return state.FAILED
        return state.FINISHED if self._reader.ended and self._drained else state.STOPPED

    def _write_state(self, status: str, *, final: bool = False) -> CollectorState:
        durable, acked = self._spool.durable, self._publisher.acked
        errors = (
            self._publisher_error,
            self._reader.error,
            *(() if final else (self._reader.held_up or last_error_of(self._source), self._publisher.last_error)),
        )
        now = CollectorState(
            self._sources,
            status,
            error="; ".join(each for each in errors if each) or None,
            collects=self._source.source_id,
            lines_read=self._spool.lines_read,
            records_acked=acked.records,
            lag_records=max(durable.records - acked.records, 0),
            spool_bytes=self._spool.size_bytes,
        )
        now.write(self._spool.directory)
        return now
