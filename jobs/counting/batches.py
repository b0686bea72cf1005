"""The count log: each batch of the query becomes one folder, complete or absent."""

import logging
from datetime import UTC, datetime, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from contract import manifest
from contract.manifest import File, Manifest
from contract.names import MANIFEST, VERSION, batch_folder, batch_of_folder, counts_path
from counting.checkpoint import Checkpoint, Planned
from counting.counts import KEY
from counting.files import Files

TOP_HASHTAGS = 10

log = logging.getLogger(__name__)


class CountLogWriter:
    """Writes a generation's batches below `counts/generation=G`.

    Written aside, then renamed in one step that fails if the target exists: of two writers the first one wins, and a
    batch that runs again after its commit leaves its folder unchanged.
    """

    def __init__(self, files: Files, generation: int, checkpoint: Checkpoint) -> None:
        self._files = files
        self._generation = generation
        self._checkpoint = checkpoint
        self._path = counts_path(generation)
        self._aside = f"{self._path}/_aside"

    def clean_aside(self) -> None:
        """Removes what a crash has left. Only for the one job that owns the generation."""
        self._files.delete(self._aside)

    def require_empty(self) -> None:
        """For a checkpoint that is new: its batches would pass for those that are here already, and count nothing.

        Raises:
            ValueError: the generation has batches.
        """
        found = [batch for batch in map(batch_of_folder, self._files.names(self._path)) if batch is not None]
        if found:
            raise ValueError(
                f"{self._checkpoint.url} is gone or empty, but the count log has batches of generation "
                f"{self._generation} up to {max(found)}: put the checkpoint back, or start a new --generation"
            )

    def write(self, counts: DataFrame, batch_id: int) -> None:
        """The function for foreachBatch: one batch's changed keys into the log.

        A batch whose folder exists is computed again, because Spark needs its state committed, and leaves the folder.
        """
        target = f"{self._path}/{batch_folder(batch_id)}"
        if self._files.exists(target):
            log.info("batch %d is already in the count log: leaving it as it is", batch_id)
            counts.write.format("noop").mode("overwrite").save()
        else:
            self._commit(counts, batch_id, target)

    def _commit(self, counts: DataFrame, batch_id: int, target: str) -> None:
        planned = self._checkpoint.planned(batch_id)
        aside = f"{self._aside}/{batch_folder(batch_id)}-{counts.sparkSession.sparkContext.applicationId}"
        self._files.delete(aside)
        url = self._files.url(aside)
        # The only action on `counts`: a second one would run the whole query, state and all, once more.
        counts.sortWithinPartitions(*KEY).write.parquet(url)
        batch = self._manifest(counts, batch_id, planned, aside)
        self._files.write_text(f"{aside}/{MANIFEST}", manifest.encode(batch).decode())
        if not self._files.rename_if_absent(aside, target):
            log.warning("batch %d was committed by another writer: dropping ours", batch_id)
            self._files.delete(aside)
            return
        log.info("batch %d: %d records, %d rows", batch_id, batch.records, batch.rows)

    def _manifest(self, counts: DataFrame, batch_id: int, planned: Planned, aside: str) -> Manifest:
        names = [name for name in self._files.names(aside) if name.endswith(".parquet")]
        files = [File(name, self._files.parquet_rows(f"{aside}/{name}")) for name in names]
        return Manifest(
            generation=self._generation,
            batch_id=batch_id,
            processed_at=_moment(planned.processed_at_ms),
            watermark=_moment(planned.watermark_ms) if planned.watermark_ms > 0 else None,
            offset_ranges=planned.offset_ranges,
            records=sum(each.records for each in planned.offset_ranges),
            rows=sum(each.rows for each in files),
            files=files,
            code_version=VERSION,
            top_hashtags=self._top_hashtags(counts, aside),
        )

    def _top_hashtags(self, counts: DataFrame, aside: str) -> list[tuple[str, int]]:
        """The hashtags with the most posts so far among the batch's changed keys, over its buckets."""
        written = counts.sparkSession.read.schema(counts.schema).parquet(self._files.url(aside))
        posts = F.sum("posts").alias("posts")
        top = written.where("metric = 'hashtag'").groupBy("term").agg(posts).orderBy(F.desc("posts"), "term")
        return [(row.term, row.posts) for row in top.limit(TOP_HASHTAGS).collect()]


def _moment(epoch_ms: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=epoch_ms)
