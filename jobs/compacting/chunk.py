"""A bounded part of the backlog: what one transaction compacts."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from compacting.count_log import CountLogReader
from contract.manifest import Manifest

if TYPE_CHECKING:
    import pyarrow as pa

    from compacting.rows import CopyRows


@dataclass(frozen=True)
class Chunk:
    """Consecutive batches.

    Attributes:
        manifests: one for each batch, ascending.
        documents: the same manifests as JSON objects.
        rows: the rows that they write to the counts.
    """

    manifests: list[Manifest]
    documents: list[dict[str, Any]]
    rows: "CopyRows"

    @property
    def first(self) -> int:
        """Id of the first batch."""
        return self.manifests[0].batch_id

    @property
    def last(self) -> int:
        """Id of the last batch."""
        return self.manifests[-1].batch_id


def read_chunk(log: CountLogReader, batch_ids: Iterable[int], max_rows: int) -> Chunk:
    """Reads batches until they have more than `max_rows` rows; at least one batch.

    Raises:
        MalformedBatchError, CountLogUnavailableError: see `CountLogReader`.
    """
    # Imported only when there is something to read: Airflow starts this job every two minutes.
    from compacting.rows import copy_rows, latest, read_batch

    manifests: list[Manifest] = []
    documents: list[dict[str, Any]] = []
    tables: list[pa.Table] = []
    rows = 0
    for batch_id in batch_ids:
        manifest, document = log.manifest(batch_id)
        rows += manifest.rows
        if manifests and rows > max_rows:
            break
        manifests.append(manifest)
        documents.append(document)
        tables.append(read_batch(manifest, log.files(manifest)))
    return Chunk(manifests, documents, copy_rows(latest(tables)))
