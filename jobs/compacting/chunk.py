"""A bounded part of the backlog: what one transaction compacts."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from compacting.count_log import CountLog
from contract.manifest import Manifest

if TYPE_CHECKING:
    import pyarrow as pa

    from compacting.rows import CopyRows


@dataclass(frozen=True)
class Chunk:
    """Consecutive batches.

    Attributes:
        manifests: one a batch, ascending.
        documents: the same as the JSON objects they are.
        rows: what they write to the counts.
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


def read_chunk(log: CountLog, batch_ids: Iterable[int], max_rows: int) -> Chunk:
    """Read batches until their rows are more than `max_rows`; one at least.

    Raises:
        MalformedBatchError, CountLogUnavailableError: see `CountLog`.
    """
    # pyarrow is not worth its time before there is something to read: Airflow asks every two minutes.
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
