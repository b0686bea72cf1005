"""One preview: source → parse → dedupe → explode → tally → sink, in one of three modes."""

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

from contract.job_requests import Mode
from counting import counts
from counting.checkpoint import Checkpoint
from counting.files import Files
from counting.watch import watch
from previewing import tallies
from previewing.reading import read
from previewing.receiving import FOLDER, Receiver
from previewing.settings import PreviewSettings
from previewing.sinks import Shown, Sink, open_sink
from previewing.windows import Windows

_PINNED = "look.json"  # the name that older checkpoints have
_QUERY = "query"
_STOP = "stop"

log = logging.getLogger(__name__)


class PreviewChanged(ValueError):  # noqa: N818 - it states a condition
    """The checkpoint belongs to a preview of something else than what was asked for."""


def run(spark: SparkSession, settings: PreviewSettings, stop_requested: Callable[[], bool]) -> None:
    """Previews until the duration is over, a signal came, or, with until_caught_up, all is counted.

    Raises:
        TopicUnreadable: the topic does not exist, or no broker answers.
        RowsDropped: the counts are no longer whole.
        ValueError: a path does not exist or is not empty, or the checkpoint is of another preview.
        OSError: the file system failed.
    """
    with _folder(spark, settings.checkpoint) as url:
        files = Files(spark, url)
        checkpoint = Checkpoint(files, _QUERY)
        is_new = checkpoint.is_new()
        pin_settings(files, settings)
        sink = open_sink(spark, settings.writes, settings.top, is_new=is_new)
        receiver = _receiver(files, settings)
        if receiver is not None:
            receiver.start()
        try:
            records = read(spark, settings, files, is_new=is_new, received=FOLDER)
            query = PreviewQuery(spark, settings, files, checkpoint, sink).start(records)
            watch(query, files, _STOP, _until(query, settings, stop_requested, receiver))
        finally:
            if receiver is not None:
                receiver.close()
        if receiver is not None and receiver.failed is not None:
            raise receiver.failed


def pin_settings(files: Files, settings: PreviewSettings) -> None:
    """Writes what a new checkpoint counts; compares an older one's with what was asked for.

    Raises:
        PreviewChanged: they differ.
    """
    if not files.exists(_PINNED):
        files.write_text(_PINNED, json.dumps(settings.pinned))
        return
    pinned = json.loads(files.read_text(_PINNED))
    if pinned != settings.pinned:
        wanted = settings.pinned
        changed = [name for name in sorted(pinned.keys() | wanted.keys()) if pinned.get(name) != wanted.get(name)]
        differences = ", ".join(f"{name} {pinned.get(name)} (asked for: {wanted.get(name)})" for name in changed)
        raise PreviewChanged(f"--checkpoint {files.root} is of another preview, {differences}: name an empty folder")


class PreviewQuery:
    """The query of a preview, and what is done with each of its batches."""

    def __init__(
        self, spark: SparkSession, settings: PreviewSettings, files: Files, checkpoint: Checkpoint, sink: Sink
    ) -> None:
        self._settings = settings
        self._checkpoint = checkpoint
        self._sink = sink
        self._windows = Windows(spark, files, settings.window_s, settings.slide_s)

    def start(self, records: DataFrame) -> StreamingQuery:
        """Starts counting the records."""
        settings = self._settings
        parsed = tallies.parse(records, settings.rules, settings.metric, of_files=settings.reads.kind != "kafka")
        forms: dict[Mode, tuple[Callable[[DataFrame], DataFrame], Callable[[DataFrame, int], None]]] = {
            "batch": (lambda frame: frame, self._show_batch),
            "totals": (lambda frame: tallies.tally(self._exploded(self._deduped(frame))), self._show_totals),
            "window": (self._deduped, self._show_window),
        }
        form, show = forms[settings.mode]
        writer = (
            form(parsed)
            .writeStream.queryName(settings.name)
            .outputMode("complete" if settings.mode == "totals" else "append")
            .option("checkpointLocation", self._checkpoint.url)
            .foreachBatch(show)
        )
        if settings.until_caught_up:
            return writer.trigger(availableNow=True).start()
        return writer.trigger(processingTime=f"{settings.slide_s} seconds").start()

    def _deduped(self, parsed: DataFrame) -> DataFrame:
        return counts.dedupe(parsed, self._settings.dedup_window_min)

    def _exploded(self, parsed: DataFrame) -> DataFrame:
        return tallies.explode(parsed, self._settings.metric, self._settings.window_s)

    def _show_batch(self, parsed: DataFrame, batch_id: int) -> None:
        tallied = tallies.tally(self._exploded(self._deduped(parsed)))
        self._show(tallied, batch_id, self._checkpoint.processed_at_ms(batch_id), "in this batch")

    def _show_totals(self, tallied: DataFrame, batch_id: int) -> None:
        self._show(tallied, batch_id, self._checkpoint.processed_at_ms(batch_id), "in all so far")

    def _show_window(self, parsed: DataFrame, batch_id: int) -> None:
        batch_ms = self._checkpoint.processed_at_ms(batch_id)
        within = self._windows.add(tallies.tally(self._exploded(parsed)), batch_id, batch_ms)
        self._show(within, batch_id, self._windows.ends_at_ms(batch_ms), f"in the last {self._settings.window_s} s")

    def _show(self, tallied: DataFrame, batch_id: int, at_ms: int, over: str) -> None:
        # Kept, because each further action on it would run the batch once more.
        tallied.persist()
        try:
            books = tallies.books(tallied)
            ranked = tallies.ranked(tallied, self._settings.metric)
            self._sink.write(Shown(f"{self._settings.metric}s {over}", batch_id, at_ms, books, ranked))
        finally:
            tallied.unpersist()


@contextmanager
def _folder(spark: SparkSession, checkpoint: str | None) -> Iterator[str]:
    """The preview's folder; one of its own, removed at the end, where none was named."""
    if checkpoint is not None:
        yield checkpoint
        return
    name = f"hashtide-preview-{uuid.uuid4().hex}"
    default = str(spark.sparkContext._jsc.hadoopConfiguration().get("fs.defaultFS"))
    is_local = str(spark.sparkContext.master).startswith("local")
    url = f"file://{tempfile.gettempdir()}/{name}" if is_local else f"{default.rstrip('/')}/tmp/{name}"  # noqa: S108
    try:
        yield url
    finally:
        Files(spark, url).delete("")


def _receiver(files: Files, settings: PreviewSettings) -> Receiver | None:
    if settings.reads.kind != "tcp":
        return None
    host, _, port = settings.reads.where.rpartition(":")

    def tell(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    return Receiver(files, host, int(port), tell)


def _until(
    query: StreamingQuery, settings: PreviewSettings, stop_requested: Callable[[], bool], receiver: Receiver | None
) -> Callable[[], bool]:
    """Whether it is time to stop: asked every second. What a receiver has filed is counted first."""
    ends_at = time.monotonic() + (settings.duration_s or float("inf"))

    def over() -> bool:
        if stop_requested():
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
