"""The count log: each batch of the query becomes one folder, complete or absent."""

import logging
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from contract import manifest
from contract.manifest import File, Manifest, OffsetRange
from contract.names import MANIFEST, VERSION, batch_folder, batch_of_folder, counts_path
from counting.checkpoint import Checkpoint, Planned
from counting.clocks import ClockAhead, RowsDropped, require_above_watermark, require_not_ahead
from counting.counting_rules import CountingRules
from counting.counts import KEY
from counting.files import Files
from counting.read_tally import READ, records_of
from counting.topic_guard import Confirmed

TOP_HASHTAGS = 10
Confirm = Callable[[list[OffsetRange]], Confirmed]

log = logging.getLogger(__name__)


def _unconfirmed(ranges: list[OffsetRange]) -> Confirmed:
    return Confirmed("", ranges)


class CountLogWriter:
    """Writes a generation's batches below `counts/generation=G`.

    Written aside, then renamed in one step that fails if the target exists: of two writers the first one wins, and a
    batch that runs again after its commit leaves its folder unchanged.

    Attributes:
        refusal: why `write` has refused a batch; Spark shows the query's failure only as text.
    """

    def __init__(
        self,
        files: Files,
        generation: int,
        checkpoint: Checkpoint,
        rules: CountingRules,
        confirm: Confirm = _unconfirmed,
    ) -> None:
        """For one generation.

        Args:
            files: of the root.
            generation: whose batches are written.
            checkpoint: of the same generation.
            rules: by which it counts.
            confirm: called with a batch's ranges when it was read, before its commit; what it raises prevents that.
        """
        self._files = files
        self._generation = generation
        self._checkpoint = checkpoint
        self._rules = rules
        self._confirm = confirm
        self._path = counts_path(generation)
        self._aside = f"{self._path}/_aside"
        self.refusal: RowsDropped | ClockAhead | None = None

    def clean_aside(self) -> None:
        """Removes what a crash has left. Only for the one job that owns the generation."""
        self._files.delete(self._aside)

    def newest(self) -> Manifest | None:
        """The newest batch; None where the generation has none yet.

        Raises:
            ManifestError: its manifest is damaged.
        """
        found = self._batches()
        if not found:
            return None
        raw = self._files.read_text(f"{self._path}/{batch_folder(max(found))}/{MANIFEST}")
        return manifest.decode(raw.encode(), self._generation, max(found))

    def pending(self) -> list[OffsetRange]:
        """What the next batch reads, where the checkpoint has planned it already; empty where it hasn't."""
        batch_id = self._checkpoint.newest()
        if batch_id is None or batch_id in self._batches():
            return []
        return self._checkpoint.planned(batch_id).offset_ranges

    def require_empty(self) -> None:
        """For a checkpoint that is new: its batches would pass for those that are here already, and count nothing.

        Raises:
            ValueError: the generation has batches.
        """
        found = self._batches()
        if found:
            raise ValueError(
                f"{self._checkpoint.url} is gone or empty, but the count log has batches of generation "
                f"{self._generation} up to {max(found)}: put the checkpoint back, or start a new --generation"
            )

    def write(self, counts: DataFrame, batch_id: int) -> None:
        """The function for foreachBatch: one batch's changed keys into the log.

        A batch whose folder exists is computed again, because Spark needs its state committed, and leaves the folder.

        Raises:
            RowsDropped, ClockAhead: the batch's time is wrong. Nothing was computed or written.
        """
        target = f"{self._path}/{batch_folder(batch_id)}"
        planned, is_there = self._checkpoint.planned(batch_id), self._files.exists(target)
        try:
            require_above_watermark(batch_id, planned)
            if not is_there:
                require_not_ahead(batch_id, planned, self._checkpoint.planned_at_ms(batch_id))
        except (RowsDropped, ClockAhead) as refusal:
            self.refusal = refusal
            raise
        if is_there:
            log.info("batch %d is already in the count log: leaving it as it is", batch_id)
            counts.write.format("noop").mode("overwrite").save()
            self._confirm(planned.offset_ranges)  # its state goes into later batches
        else:
            self._commit(counts, batch_id, planned, target)

    def _commit(self, counts: DataFrame, batch_id: int, planned: Planned, target: str) -> None:
        # A folder of this attempt alone: a task of an earlier one that outlived it must not leave its file in here.
        aside = f"{self._aside}/{batch_folder(batch_id)}-{uuid.uuid4().hex}"
        url = self._files.url(aside)
        # The only action on `counts`: a second one would run the whole query, state and all, once more.
        counts.sortWithinPartitions(*KEY).write.parquet(url)
        source = self._confirm(planned.offset_ranges)
        batch = self._manifest(counts, batch_id, planned, source, aside)
        self._files.write_text(f"{aside}/{MANIFEST}", manifest.encode(batch).decode())
        if not self._files.rename_if_absent(aside, target):
            log.warning("batch %d was committed by another writer: dropping ours", batch_id)
            self._files.delete(aside)
            return
        log.info("batch %d: %d records, %d rows", batch_id, batch.records, batch.rows)

    def _batches(self) -> list[int]:
        return [batch for batch in map(batch_of_folder, self._files.names(self._path)) if batch is not None]

    def _manifest(self, counts: DataFrame, batch_id: int, planned: Planned, source: Confirmed, aside: str) -> Manifest:
        names = [name for name in self._files.names(aside) if name.endswith(".parquet")]
        files = [File(name, self._files.parquet_rows(f"{aside}/{name}")) for name in names]
        written = counts.sparkSession.read.schema(counts.schema).parquet(self._files.url(aside))
        records = sum(each.records for each in planned.offset_ranges)
        return Manifest(
            generation=self._generation,
            batch_id=batch_id,
            processed_at=_moment(planned.processed_at_ms),
            watermark=_moment(planned.watermark_ms) if planned.watermark_ms > 0 else None,
            offset_ranges=source.offset_ranges,
            records=records,
            rows=sum(each.rows for each in files),
            files=files,
            code_version=VERSION,
            top_hashtags=self._top_hashtags(written),
            unread=records - records_of(row.term for row in written.where(f"metric = '{READ}'").collect()),
            dedup_window_min=self._rules.dedup_window_min,
            topic_id=source.topic_id,
        )

    def _top_hashtags(self, written: DataFrame) -> list[tuple[str, int]]:
        """The hashtags with the most posts so far among the batch's changed keys, over its buckets."""
        posts = F.sum("posts").alias("posts")
        top = written.where("metric = 'hashtag'").groupBy("term").agg(posts).orderBy(F.desc("posts"), "term")
        return [(row.term, row.posts) for row in top.limit(TOP_HASHTAGS).collect()]


def _moment(epoch_ms: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=epoch_ms)
