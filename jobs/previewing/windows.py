"""Sliding windows by arrival: the tally of each batch is kept while a window can still reach back to it."""

from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession

from counting.files import Files
from previewing.tallies import merge

_FOLDER = "panes"


class _Pane(NamedTuple):
    slot: int
    batch_id: int

    @property
    def path(self) -> str:
        return f"{_FOLDER}/{self.slot}-{self.batch_id}"


class Windows:
    """The windows of one preview; its panes are on disk, beside the checkpoint, so they outlive a kill.

    Batches begin at multiples of the slide, give or take what starting one takes: a batch belongs to the slot
    `floor(its time / slide)`, and a window is `window / slide` slots, the last of which is the batch's own.
    """

    def __init__(self, spark: SparkSession, files: Files, window_s: int, slide_s: int) -> None:
        self._spark = spark
        self._files = files
        self._slots = window_s // slide_s
        self._slide_ms = slide_s * 1000

    def ends_at_ms(self, batch_ms: int) -> int:
        """The end of the window that a batch of this time (epoch milliseconds) shows: its slot's begin."""
        return batch_ms // self._slide_ms * self._slide_ms

    def add(self, tallied: DataFrame, batch_id: int, batch_ms: int) -> DataFrame:
        """The tally of the window that ends with this batch. A batch that comes again replaces itself."""
        pane = _Pane(batch_ms // self._slide_ms, batch_id)
        tallied.write.mode("overwrite").parquet(self._files.url(pane.path))
        reached = []
        for each in self._panes():
            if each.slot <= pane.slot - self._slots:
                self._files.delete(each.path)
            elif each.slot <= pane.slot and each.batch_id <= batch_id:
                reached.append(self._files.url(each.path))
        return merge(self._spark.read.schema(tallied.schema).parquet(*reached))

    def _panes(self) -> list[_Pane]:
        return [_Pane(*map(int, name.split("-"))) for name in self._files.names(_FOLDER)]
