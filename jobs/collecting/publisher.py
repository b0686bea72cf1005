"""Follows the spool into Kafka. A record is sent when the broker has acknowledged it; until then it is sent again."""

import json
import logging
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress

from kafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError, RecordListTooLargeError
from kafka.producer.future import FutureRecordMetadata

from collecting import segments
from collecting.producer import Producer, Settings, kafka_producer
from collecting.segments import Record
from collecting.spool import Position, Spool
from counting.formats import post_key

log = logging.getLogger(__name__)

COLLECTOR = b"hashtide"
SAVE_INTERVAL_S = 0.5
POLL_S = 0.1
MAX_BACKOFF_S = 10.0
FINISH_S = 5.0
QUIET_S = 5.0  # no acknowledgement for so long is worth a word; the producer itself tries on for the delivery timeout
_OVERHEAD_BYTES = 4096  # key, headers and framing of a record, amply
_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)


class Unavailable(Exception):  # noqa: N818 - it says what is the matter
    """No broker takes our records: nobody answers, the name does not resolve, or the topic is not there (or not so)."""


class Publisher:
    """Sends what the spool holds, in order, and keeps the position up to which all is acknowledged.

    Attributes:
        acked: that position.
        trouble: why nothing goes out at the moment, one line; None while all is well.
    """

    def __init__(
        self, spool: Spool, settings: Settings, connect: Callable[[Settings], Producer] = kafka_producer
    ) -> None:
        self.acked = spool.acked
        self.trouble: str | None = None
        self._spool = spool
        self._settings = settings
        self._connect = connect
        self._saved = self.acked
        self._save_at_s = 0.0
        self._moved_at_s = 0.0  # when something was acknowledged, or there was nothing to wait for
        self._where = f"Kafka at {settings.bootstrap_servers}"
        self._too_large: dict[int, str] = {}  # records that the broker refuses for their size, by ordinal

    def run(self, stop: threading.Event) -> None:
        """Publishes until `stop` is set. Whatever Kafka does, it tries again, with backoff.

        Raises:
            SpoolCorrupt, OSError: the spool cannot be read.
        """
        backoff_s = 0.5
        while not stop.is_set():
            before = self.acked
            try:
                self._session(stop)
            except _TOO_LARGE as error:
                log.warning("record %d is refused: %s; a note of it goes instead", self.acked.records + 1, error)
                continue
            except (KafkaError, Unavailable) as error:
                backoff_s = 0.5 if self.acked != before else min(backoff_s * 2, MAX_BACKOFF_S)
                self.trouble = f"{self._where}: {_one_line(error)}"
                log.warning("%s; again in %.1f s from record %d on", self.trouble, backoff_s, self.acked.records + 1)
                stop.wait(backoff_s)
            finally:
                self._save()

    def _session(self, stop: threading.Event) -> None:
        """One producer's life: from the acknowledged position on, until `stop` or the first failure."""
        producer = self._connected()
        window = _Window(self._settings)
        self._moved_at_s = time.monotonic()
        try:
            partitions = _partitions(producer, self._settings.topic)
            records = self._records(stop)
            while not stop.is_set():
                self._fill(producer, partitions, window, records)
                if window:
                    self._reap(window, wait_s=POLL_S)
                    if time.monotonic() - self._moved_at_s > QUIET_S:
                        self.trouble = f"{self._where}: no acknowledgement for {QUIET_S:.0f} s"
                else:
                    self._save()
                    self._moved_at_s = time.monotonic()
                    self._spool.wait_for_more(self.acked, POLL_S)
            self._finish(window)
        finally:
            with suppress(KafkaError):  # what is not acknowledged is sent anew
                producer.close(timeout=2)

    def _connected(self) -> Producer:
        try:
            return self._connect(self._settings)
        except (OSError, ValueError) as error:  # the name does not resolve, or is none
            raise Unavailable(_one_line(error)) from error

    def _records(self, stop: threading.Event) -> Iterator[tuple[Position, str, Record] | None]:
        """What comes after the acknowledged position; None where there is nothing for the moment."""
        position = self.acked
        while not stop.is_set():
            for item in self._spool.read(position):
                position = item[0]
                yield item
            yield None

    def _fill(
        self,
        producer: Producer,
        partitions: int,
        window: "_Window",
        records: Iterator[tuple[Position, str, Record] | None],
    ) -> None:
        """Sends until the window is full or nothing is left for the moment."""
        topic, limit = self._settings.topic, self._settings.max_request_bytes - _OVERHEAD_BYTES
        while not window.full:
            item = next(records, None)
            if item is None:
                return
            position, slug, record = item
            key = record_key(slug, record)
            if len(record.raw) > limit:
                self._too_large[position.records] = f"above {limit} bytes"
            value, headers = self._value(position, slug, record)
            # The default partitioner is murmur2 in Python, 6 µs a key. Any hash will do: same key, same partition.
            partition = zlib.crc32(key) % partitions
            try:
                future = producer.send(topic, value, key, headers, partition)
            except ValueError as error:  # the topic was deleted, or made anew with fewer partitions
                raise Unavailable(str(error)) from error
            window.add(position, future, len(value))

    def _value(self, position: Position, slug: str, record: Record) -> tuple[bytes, list[tuple[str, bytes]]]:
        """What goes out for a record: itself, or, where the broker will not have it, a note that says so."""
        headers = [("received_at", b"%d" % record.received_at), ("collector", COLLECTOR)]
        why = self._too_large.get(position.records)
        if why is None:
            if record.dialect is not None:
                headers.append(("dialect", record.dialect.encode()))
            return record.raw, headers
        note = {"source": slug, "cursor": record.cursor, "bytes": len(record.raw), "reason": "record too large"}
        return json.dumps({"hashtide": {"dead": note}}).encode(), [*headers, ("dialect", b"hashtide")]

    def _reap(self, window: "_Window", wait_s: float) -> None:
        """Takes what is acknowledged off the window's front; waits for the first one if asked to.

        Raises:
            KafkaError: a record failed. Everything before it is acknowledged, it and what follows is to be sent anew.
        """
        try:
            position = window.reap(wait_s)
        except _TOO_LARGE as error:
            self.acked = window.acked or self.acked
            if self.acked.records + 1 in self._too_large:
                raise Unavailable(f"topic {self._settings.topic!r} refuses even a short note: {error}") from error
            self._too_large[self.acked.records + 1] = str(error)
            raise
        except KafkaError:
            self.acked = window.acked or self.acked
            raise
        if position is not None:
            self.acked, self.trouble = position, None
            self._moved_at_s = time.monotonic()
            if time.monotonic() >= self._save_at_s:
                self._save()

    def _finish(self, window: "_Window") -> None:
        """At a stop: a last, short wait for what is under way."""
        deadline_s = time.monotonic() + FINISH_S
        while window and time.monotonic() < deadline_s:
            self._reap(window, POLL_S)

    def _save(self) -> None:
        self._save_at_s = time.monotonic() + SAVE_INTERVAL_S
        if self.acked != self._saved:
            self._spool.save_acked(self.acked)
            self._saved = self.acked
            for ordinal in [each for each in self._too_large if each <= self.acked.records]:
                del self._too_large[ordinal]


class _Window:
    """What was sent and is not yet known to be acknowledged, in the order of the spool."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sent: deque[tuple[Position, FutureRecordMetadata, int]] = deque()
        self._bytes = 0
        self.acked: Position | None = None  # the last position that left at the front

    def __len__(self) -> int:
        return len(self._sent)

    @property
    def full(self) -> bool:
        return len(self._sent) >= self._settings.in_flight_records or self._bytes >= self._settings.in_flight_bytes

    def add(self, position: Position, future: FutureRecordMetadata, size: int) -> None:
        self._sent.append((position, future, size))
        self._bytes += size

    def reap(self, wait_s: float) -> Position | None:
        """Drops the acknowledged front; the last position dropped, None if there was none. Raises what a send met."""
        sent = self._sent
        if wait_s and sent and not sent[0][1].is_done:
            with suppress(KafkaTimeoutError):  # the wait's own; a failed record's is raised below
                sent[0][1].get(timeout=wait_s)
        position = None
        while sent and sent[0][1].is_done:
            if sent[0][1].failed():
                raise sent[0][1].exception
            position, _, size = sent.popleft()
            self.acked = position
            self._bytes -= size
        return position


def record_key(slug: str, record: Record) -> bytes:
    """The record's identity (docs/contracts.md): the post's own id where there is one, else the line's place."""
    if record.kind == segments.NOTE:
        return f"note:{slug}:{record.cursor}:{record.received_at}".encode()
    return (post_key(record.dialect, record.raw) or f"line:{slug}:{record.cursor}").encode()


def _partitions(producer: Producer, topic: str) -> int:
    try:
        partitions = producer.partitions_for(topic)
    except KafkaTimeoutError:
        partitions = set()
    if not partitions:
        raise Unavailable(f"topic {topic!r} is not there, or nobody answers")
    return len(partitions)


def _one_line(error: Exception) -> str:
    name, words = type(error).__name__, " ".join(str(error).split())
    return words if words.startswith(name) or isinstance(error, Unavailable) else f"{name}: {words}"
