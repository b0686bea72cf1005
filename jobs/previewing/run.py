"""One look: source → parse → dedupe → explode → tally → sink, in one of three modes."""

import json
import logging
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from counting import counts
from counting.checkpoint import Checkpoint
from counting.files import Files
from counting.watch import watch
from previewing import tallies
from previewing.reading import read
from previewing.receiving import FOLDER, Receiver
from previewing.settings import Mode, PreviewSettings
from previewing.sinks import Shown, Sink, open_sink
from previewing.windows import Windows

_HELD = "look.json"
_QUERY = "query"
_STOP = "stop"

log = logging.getLogger(__name__)


class LookChanged(ValueError):  # noqa: N818 - it states a condition
    """The checkpoint's counts are of something else than what was asked for."""


def run(spark: SparkSession, look: PreviewSettings, asked_to_end: Callable[[], bool]) -> None:
    """Looks until the duration is over, a signal came, or, with until_caught_up, all is counted.

    Raises:
        TopicUnreadable: the topic does not exist, or no broker answers.
        RowsDropped: the counts are no longer whole.
        ValueError: a path is not there or not empty, or the checkpoint is of another look.
        OSError: the file system failed.
    """
    with _folder(spark, look.checkpoint) as url:
        files = Files(spark, url)
        checkpoint = Checkpoint(files, _QUERY)
        is_new = checkpoint.is_new()
        hold(files, look)
        sink = open_sink(spark, look.writes, look.top, is_new=is_new)
        receiver = _receiver(files, look)
        if receiver is not None:
            receiver.start()
        try:
            records = read(spark, look, files, is_new=is_new, received=FOLDER)
            query = Looking(spark, look, files, checkpoint, sink).start(records)
            watch(query, files, _STOP, _until(query, look, asked_to_end, receiver))
        finally:
            if receiver is not None:
                receiver.close()
        if receiver is not None and receiver.failed is not None:
            raise receiver.failed


def hold(files: Files, look: PreviewSettings) -> None:
    """Keeps what a checkpoint's counts are of; of one that has begun, checks it.

    Raises:
        LookChanged: it is something else.
    """
    if not files.exists(_HELD):
        files.write_text(_HELD, json.dumps(look.held))
        return
    held = json.loads(files.read_text(_HELD))
    if held != look.held:
        changed = [name for name in held.keys() | look.held.keys() if held.get(name) != look.held.get(name)]
        told = ", ".join(f"{name} {held.get(name)} (asked for: {look.held.get(name)})" for name in sorted(changed))
        raise LookChanged(f"--checkpoint {files.root} is of another look, {told}: name an empty folder")


class Looking:
    """The query of a look, and what is done with each of its batches."""

    def __init__(
        self, spark: SparkSession, look: PreviewSettings, files: Files, checkpoint: Checkpoint, sink: Sink
    ) -> None:
        self._look = look
        self._checkpoint = checkpoint
        self._sink = sink
        self._windows = Windows(spark, files, look.window_s, look.slide_s)

    def start(self, records: DataFrame) -> StreamingQuery:
        """Starts counting the records."""
        look = self._look
        parsed = tallies.parse(records, look.meaning, look.metric, of_files=look.reads.kind != "kafka")
        forms: dict[Mode, tuple[Callable[[DataFrame], DataFrame], Callable[[DataFrame, int], None]]] = {
            "batch": (lambda frame: frame, self._show_batch),
            "totals": (lambda frame: tallies.tally(self._exploded(self._deduped(frame))), self._show_totals),
            "window": (self._deduped, self._show_window),
        }
        form, show = forms[look.mode]
        writer = (
            form(parsed)
            .writeStream.queryName(look.name)
            .outputMode("complete" if look.mode == "totals" else "append")
            .option("checkpointLocation", self._checkpoint.url)
            .foreachBatch(show)
        )
        if look.until_caught_up:
            return writer.trigger(availableNow=True).start()
        return writer.trigger(processingTime=f"{look.slide_s} seconds").start()

    def _deduped(self, parsed: DataFrame) -> DataFrame:
        return counts.dedupe(parsed, self._look.horizon_min)

    def _exploded(self, parsed: DataFrame) -> DataFrame:
        return tallies.explode(parsed, self._look.metric, self._look.window_s)

    def _show_batch(self, parsed: DataFrame, batch_id: int) -> None:
        tallied = tallies.tally(self._exploded(self._deduped(parsed)))
        self._show(tallied, batch_id, self._checkpoint.processed_at_ms(batch_id), "in this batch")

    def _show_totals(self, tallied: DataFrame, batch_id: int) -> None:
        self._show(tallied, batch_id, self._checkpoint.processed_at_ms(batch_id), "in all so far")

    def _show_window(self, parsed: DataFrame, batch_id: int) -> None:
        batch_ms = self._checkpoint.processed_at_ms(batch_id)
        within = self._windows.add(tallies.tally(self._exploded(parsed)), batch_id, batch_ms)
        self._show(within, batch_id, self._windows.ends_at_ms(batch_ms), f"in the last {self._look.window_s} s")

    def _show(self, tallied: DataFrame, batch_id: int, at_ms: int, over: str) -> None:
        # Kept, because each further action on it would run the batch once more.
        tallied.persist()
        try:
            books = tallies.books(tallied)
            ranked = tallies.ranked(tallied, self._look.metric)
            self._sink.write(Shown(f"{self._look.metric}s {over}", batch_id, at_ms, books, ranked))
        finally:
            tallied.unpersist()


@contextmanager
def _folder(spark: SparkSession, checkpoint: str | None) -> Iterator[str]:
    """The look's folder; one of its own, removed at the end, where none was named."""
    if checkpoint is not None:
        yield checkpoint
        return
    name = f"hashtide-look-{uuid.uuid4().hex}"
    default = str(spark.sparkContext._jsc.hadoopConfiguration().get("fs.defaultFS"))
    is_local = str(spark.sparkContext.master).startswith("local")
    url = f"file://{tempfile.gettempdir()}/{name}" if is_local else f"{default.rstrip('/')}/tmp/{name}"  # noqa: S108
    try:
        yield url
    finally:
        Files(spark, url).delete("")


def _receiver(files: Files, look: PreviewSettings) -> Receiver | None:
    if look.reads.kind != "tcp":
        return None
    host, _, port = look.reads.place.rpartition(":")

    def tell(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    return Receiver(files, host, int(port), tell)


def _until(
    query: StreamingQuery, look: PreviewSettings, asked_to_end: Callable[[], bool], receiver: Receiver | None
) -> Callable[[], bool]:
    """Whether it is time to end: asked every second. What a receiver has filed is counted first."""
    ends_at = time.monotonic() + (look.duration_s or float("inf"))

    def over() -> bool:
        if asked_to_end():
            return True
        if receiver is not None and receiver.failed is not None:
            return True
        if time.monotonic() < ends_at:
            return False
        if receiver is not None:
            receiver.close()
            query.processAllAvailable()
        return True

    return over
