"""How many records a task has read, as rows that ride with the counts.

Of the offsets of a batch some hold no record: a transaction's markers, and what it aborted. Only the tasks see how many
records came; what they tell an accumulator counts twice where a task or stage runs again, and a second action would
read everything once more. A row like any other is in the batch exactly once.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import pyarrow as pa

from counting.records import PARSED

READ = "read"
"""Kind, and metric, of these rows; the term is `PLACE RECORDS`: the first record's place, and how many were read."""
_EMPTY: dict[pa.DataType, Any] = {pa.string(): "", pa.list_(pa.string()): [], pa.bool_(): False}


class ReadTally:
    """The records that one task reads, by partition of the topic."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, int], int] = {}
        self._records: Counter[tuple[str, int]] = Counter()
        self._processed_at: datetime | None = None

    def of(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The batches as they are, counted in passing."""
        for batch in batches:
            places = zip(batch.column("topic").to_pylist(), batch.column("partition").to_pylist(), strict=True)
            for place, offset in zip(places, batch.column("offset").to_pylist(), strict=True):
                self._records[place] += 1
                self._first.setdefault(place, offset)
            if batch.num_rows:
                self._processed_at = batch.column("processed_at")[0].as_py()
            yield batch

    def rows(self) -> Iterator[pa.RecordBatch]:
        """One row of PARSED for each partition. Its identity is the first record's place, which no other task reads."""
        rows = [
            self._row(f"{topic}[{partition}]@{self._first[topic, partition]}", records)
            for (topic, partition), records in self._records.items()
        ]
        if rows:
            yield pa.RecordBatch.from_pylist(rows, PARSED)

    def _row(self, place: str, records: int) -> dict[str, Any]:
        empty = {field.name: _EMPTY.get(field.type) for field in PARSED}
        times = {"processed_at": self._processed_at, "event_at": self._processed_at}
        return empty | times | {"record_id": f"{READ}/{place}", "kind": READ, "term": f"{place} {records}"}


def records_of(terms: Iterable[str]) -> int:
    """How many records the rows with these terms have counted."""
    return sum(int(term.rpartition(" ")[2]) for term in terms)
