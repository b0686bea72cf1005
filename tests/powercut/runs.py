"""The real `collect.py`, in this process, against a topic of ours: one run, and what must be in the topic after it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from unittest import mock

import collect
from collecting import collector
from collecting.publish import publisher
from collecting.publish.producer import Headers, OnDelivery, ProducerSettings, Topic
from collecting.source_api import Item, Line, Source
from collecting.spool import spool
from contract.topic_log import Ends, LogEnd, TopicLog
from tests.powercut.topic import TopicRecord

CLUSTER = "cluster-1"
SENT, ACKED = "sent", "acked"
Note = Callable[[str, object], None]


@dataclass
class FakeTopic:
    """A topic of one partition that no cut harms.

    Attributes:
        records: what it holds.
        note: called for each record that is taken, and for each that is acknowledged.
    """

    records: list[TopicRecord] = field(default_factory=list)
    note: Note = lambda _what, _value: None

    def __post_init__(self) -> None:
        self.committed = len(self.records)  # how many are acknowledged

    def connect(self, _: ProducerSettings) -> FakeProducer:
        """A producer for it."""
        return FakeProducer(self)


class FakeProducer:
    """Takes each record at once, and acknowledges it at the next poll."""

    complaint: str | None = None

    def __init__(self, topic: FakeTopic) -> None:
        self._topic = topic
        self._waiting: list[OnDelivery] = []

    def topic(self) -> Topic:
        return Topic(1, CLUSTER)

    def log(self, known: Ends) -> TopicLog:
        end = self._topic.committed
        return TopicLog("topic-1", {0: LogEnd(end, 0)}, dict.fromkeys(known, end))

    def send(self, value: bytes, key: bytes, headers: Headers, partition: int, on_delivery: OnDelivery) -> None:  # noqa: ARG002
        record = TopicRecord((key, value))
        self._topic.records.append(record)
        self._topic.note(SENT, record)
        self._waiting.append(on_delivery)

    def poll(self, timeout_s: float) -> None:
        if not self._waiting:
            time.sleep(timeout_s)
        waiting, self._waiting = self._waiting, []
        for on_delivery in waiting:
            self._topic.committed += 1
            self._topic.note(ACKED, None)
            on_delivery(None, None)  # type: ignore[arg-type]

    def close(self) -> None:
        pass


@contextlib.contextmanager
def quick() -> Iterator[None]:
    """Without the waits that are for a person or a real disk: a run of a thousand lines takes 0.1 s."""
    with contextlib.ExitStack() as patches:
        for module, name, value in (
            (collector, "POLL_INTERVAL_S", 0.001),
            (collector, "BUDGET_POLL_S", 0.001),
            (publisher, "POLL_S", 0.001),
            (publisher, "LOOK_INTERVAL_S", 0.0),
            (spool, "FSYNC_INTERVAL_S", 0.004),
            (spool, "CURSOR_INTERVAL_S", 0.01),
            (collect, "_stop_on_signals", threading.Event),
        ):
            patches.enter_context(mock.patch.object(module, name, value))
        yield


@dataclass(frozen=True)
class Run:
    """How a collector is run.

    Attributes:
        sources: their addresses.
        budget_bytes: of the spool; small, so that segments are removed.
        live: opens a source of ours in their stead.
    """

    sources: tuple[str, ...]
    budget_bytes: int = 200_000
    live: Callable[[], Source] | None = None

    def start(self, directory: Path, topic: FakeTopic) -> int:
        """Runs it to its end; the exit status."""
        argv = [f"--source={each}" for each in self.sources]
        argv += [f"--spool={directory}", "--bootstrap-servers=none:1", "--spool-budget-mb=1"]
        given = collect.arguments(argv)
        with (
            quick(),
            mock.patch.object(collect, "Publisher", partial(publisher.Publisher, connect=topic.connect)),
            mock.patch.object(collect, "Spool", self._spool),
            mock.patch.object(collect, "_source", collect._source if self.live is None else lambda *_: self.live()),
        ):
            return collect._collect(given)

    def _spool(self, directory: Path, *, budget_bytes: int) -> spool.Spool:  # noqa: ARG002
        return spool.Spool(directory, budget_bytes=self.budget_bytes)


class LiveLines:
    """A stream that says each line once, ever, and then ends: what nobody keeps is lost."""

    replayable = False
    cursor_inclusive = False
    source_id = "live-lines"

    def __init__(self, values: Sequence[bytes]) -> None:
        self._values = values

    def read(self, after: str | None, stop: threading.Event) -> Iterator[Item]:
        for number, value in enumerate(self._values, int(after or 0) + 1):
            if stop.is_set():
                return
            if number % 50 == 0:
                time.sleep(0.004)  # the spool syncs meanwhile
            yield Line(str(number), value, "text")
