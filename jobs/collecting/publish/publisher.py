"""Publishes the spool to Kafka. A record is sent again until the broker has acknowledged it."""

import json
import logging
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace

from collecting.publish.identity import record_key
from collecting.publish.producer import (
    Headers,
    KafkaProducer,
    Producer,
    ProducerSettings,
    TooLarge,
    Topic,
    Unavailable,
)
from collecting.publish.progress import Progress
from collecting.publish.window import Sent, Window
from collecting.spool.segments import Record
from collecting.spool.spool import Spool
from contract.backoff import Backoff
from contract.spool.position import Position
from contract.topic_log_client import LogUnknown

log = logging.getLogger(__name__)

COLLECTOR = b"hashtide"
LOOK_INTERVAL_S = 0.5
IDLE_S = 10.0  # how often the topic is looked at while nothing is acknowledged
POLL_S = 0.1
BACKOFF = Backoff(0.5, 10.0, jitter=0.0)
FINISH_S = 5.0
QUIET_S = 5.0  # no acknowledgement for so long is reported; the producer itself retries up to the delivery timeout
_OVERHEAD_BYTES = 4096  # an ample allowance for a record's key, headers and framing

Item = tuple[Position, str, Record]  # the position after the record, its source's id, the record
OnAcked = Callable[[str | None, int | None, int | None], None]


class Publisher:
    """Sends the spool's records in order, and keeps the position up to which the topic has all of them.

    Attributes:
        last_error: why nothing is published at the moment, one line; None while all is well.
    """

    def __init__(
        self,
        spool: Spool,
        settings: ProducerSettings,
        connect: Callable[[ProducerSettings], Producer] = KafkaProducer,
        on_acked: OnAcked | None = None,
    ) -> None:
        """`on_acked` is called with topic, partition and offset of each record, in the order of the spool."""
        self.last_error: str | None = None
        self._spool = spool
        self._settings = settings
        self._connect = connect
        self._on_acked = on_acked
        self._progress = Progress(spool, settings.topic)
        self._look_at_s = 0.0
        self._moved_at_s = 0.0  # when something was acknowledged, or there was nothing to wait for
        self._where = f"Kafka at {settings.bootstrap_servers}"
        self._too_large: dict[int, str] = {}  # records that the broker refuses for their size, by ordinal
        self._suspects_until = 0  # up to this ordinal records go one by one: their batch was refused for its size

    @property
    def acked(self) -> Position:
        """Up to here the topic has everything, as of the last look at its log."""
        return self._progress.confirmed

    def run(self, stop: threading.Event) -> None:
        """Publishes until `stop` is set. Retries any failure of Kafka, with backoff.

        Raises:
            SpoolCorrupt, OSError: the spool cannot be read.
        """
        failures = 1  # in a row
        while not stop.is_set():
            before = self.acked
            try:
                self._session(stop)
            except TooLarge as error:
                log.warning("publishing from record %d failed: %s; retrying", self._next_ordinal, error)
            except (LogUnknown, Unavailable) as error:
                failures = 1 if self.acked != before else failures + 1
                wait_s = BACKOFF.wait_s(failures)
                self.last_error = f"{self._where}: {error}"
                log.warning("%s; retrying from record %d in %.1f s", self.last_error, self._next_ordinal, wait_s)
                stop.wait(wait_s)

    @property
    def _next_ordinal(self) -> int:
        """Of the first record that is not acknowledged."""
        return self._progress.acknowledged.records + 1

    def _session(self, stop: threading.Event) -> None:
        """One producer's life: from the acknowledged position until `stop` or the first failure."""
        settings, suspects_until = self._settings, self._suspects_until
        one_by_one = self._next_ordinal <= suspects_until
        if one_by_one:
            settings = replace(settings, batch_records=1, in_flight_records=1, linger_ms=0)
        producer, window = self._connect(settings), Window(settings)
        self._moved_at_s = time.monotonic()
        try:
            topic = self._progress.begin(producer)
            records = self._records(stop)
            while not stop.is_set() and not (one_by_one and self._next_ordinal > suspects_until):
                self._fill(producer, topic.partitions, window, records)
                if window:
                    self._reap(producer, window, POLL_S)
                    self._say_if_quiet(producer)
                else:
                    self._moved_at_s = time.monotonic()
                self._look_if_due(producer, topic, window)
                if not window:
                    self._spool.wait_for_more(self._progress.acknowledged, POLL_S)
            self._finish(producer, window)
            self._look(producer, topic, window)
        finally:
            producer.close()  # what is not acknowledged is sent again

    def _say_if_quiet(self, producer: Producer) -> None:
        if time.monotonic() - self._moved_at_s > QUIET_S:
            why = f" ({producer.complaint})" if producer.complaint else ""
            self.last_error = f"{self._where}: no acknowledgement for {QUIET_S:.0f} s{why}"

    def _look_if_due(self, producer: Producer, topic: Topic, window: Window) -> None:
        """While records are acknowledged often, and at once when there are no more; else now and then."""
        now_s = time.monotonic()
        acknowledged = self._progress.acknowledged != self.acked
        if now_s >= self._look_at_s + (0 if acknowledged else IDLE_S) or (acknowledged and not window):
            self._look(producer, topic, window)

    def _look(self, producer: Producer, topic: Topic, window: Window) -> None:
        try:
            self._progress.confirm(producer, topic, in_flight=bool(window))
        except LogUnknown as error:  # the producer itself may know more, and tries again
            self.last_error = f"{self._where}: {error}"
        else:
            self.last_error = self.last_error if window else None
        self._look_at_s = time.monotonic() + LOOK_INTERVAL_S
        for ordinal in [each for each in self._too_large if each <= self.acked.records]:
            del self._too_large[ordinal]

    def _records(self, stop: threading.Event) -> Iterator[Item | None]:
        """The records after the acknowledged position; None when there are no more for the moment."""
        position = self._progress.acknowledged
        while not stop.is_set():
            for item in self._spool.read(position):
                position = item[0]
                yield item
            yield None

    def _fill(self, producer: Producer, partitions: int, window: Window, records: Iterator[Item | None]) -> None:
        """Sends until the window is full or there are no more records for the moment."""
        limit = self._settings.max_request_bytes - _OVERHEAD_BYTES
        while not window.full:
            item = next(records, None)
            if item is None:
                return
            position, source_id, record = item
            key = record_key(source_id, record)
            if len(record.raw) > limit:
                self._too_large[position.records] = f"above {limit} bytes"
            value, headers = self._value(position, source_id, record)
            sent = window.add(position, len(value))
            delivered = sent.delivered if self._on_acked is None else sent.delivered_at
            # Chosen by us, so that the same key stays in the same partition whatever the client library.
            try:
                producer.send(value, key, headers, zlib.crc32(key) % partitions, delivered)
            except TooLarge as error:
                self._replace(position.records, error)
                raise

    def _value(self, position: Position, source_id: str, record: Record) -> tuple[bytes, Headers]:
        """What is published for a record: itself, or a dead-letter marker where the broker refused its size."""
        headers: Headers = [("received_at", b"%d" % record.received_at), ("collector", COLLECTOR)]
        why = self._too_large.get(position.records)
        if why is None:
            if record.dialect is not None:
                headers.append(("dialect", record.dialect.encode()))
            return record.raw, headers
        marker = {"source": source_id, "cursor": record.cursor, "bytes": len(record.raw), "reason": "record too large"}
        return json.dumps({"hashtide": {"dead": marker}}).encode(), [*headers, ("dialect", b"hashtide")]

    def _reap(self, producer: Producer, window: Window, wait_s: float) -> None:
        """Removes what is acknowledged from the window's front; waits up to `wait_s` for the first one.

        Raises:
            TooLarge, Unavailable: a record failed. Everything before it is acknowledged; the rest is to be sent
                again.
        """
        producer.poll(0 if window.answered else wait_s)
        acknowledged = window.reap()
        if acknowledged:
            self._progress.acknowledged, self.last_error = acknowledged[-1].position, None
            self._moved_at_s = time.monotonic()
            self._report(acknowledged)
        error = window.failure
        if isinstance(error, TooLarge):
            self._suspect(window, error)
        if error is not None:
            raise error

    def _report(self, acknowledged: list[Sent]) -> None:
        if self._on_acked is not None:
            for sent in acknowledged:
                if sent.topic_offset is not None:
                    self._on_acked(*sent.topic_offset)

    def _suspect(self, window: Window, error: TooLarge) -> None:
        """The broker refuses a whole batch for its size: its records go one by one until the culprit is found.

        Raises:
            Unavailable: it refuses even the dead-letter marker of a record.
        """
        ordinal = self._next_ordinal
        if ordinal <= self._suspects_until:
            self._replace(ordinal, error)
        self._suspects_until = max(self._suspects_until, window.last_refused())

    def _replace(self, ordinal: int, error: TooLarge) -> None:
        """Publishes a dead-letter marker instead of this record from now on.

        Raises:
            Unavailable: the marker was refused too.
        """
        if ordinal in self._too_large:
            raise Unavailable(f"topic {self._settings.topic!r} refuses even a dead-letter marker: {error}") from error
        log.warning("record %d rejected (%s); publishing a dead-letter marker instead", ordinal, error)
        self._too_large[ordinal] = str(error)

    def _finish(self, producer: Producer, window: Window) -> None:
        """At a stop: waits a little for what is in flight."""
        deadline_s = time.monotonic() + FINISH_S
        while window and time.monotonic() < deadline_s:
            self._reap(producer, window, POLL_S)
