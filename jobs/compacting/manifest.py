"""manifest.json of a batch: what the count stage says that it has written (docs/contracts.md, the count log)."""

from datetime import datetime
from typing import Annotated, Any

import msgspec

from compacting.errors import MalformedBatchError

Count = Annotated[int, msgspec.Meta(ge=0)]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class OffsetRange(msgspec.Struct, frozen=True):
    """The records of one partition that a batch read: [from_offset, until_offset)."""

    topic: str
    partition: Count
    from_offset: Count
    until_offset: Count


class File(msgspec.Struct, frozen=True):
    """A Parquet file of the batch; `rows` are its rows."""

    name: str
    rows: Count


class Manifest(msgspec.Struct, frozen=True):
    """One batch: its times, its offset ranges (every partition of the topic), its tallies."""

    generation: int
    batch_id: Count
    processed_at: Instant
    watermark: Instant | None
    offset_ranges: list[OffsetRange]
    records: Count
    rows: Count
    files: list[File]


def parse_manifest(raw: bytes, generation: int, batch_id: int) -> tuple[Manifest, dict[str, Any]]:
    """Read and check a manifest against its own place and its own sums.

    Returns:
        The manifest, and the JSON object as it is, to be kept in the ledger.

    Raises:
        MalformedBatchError: it is no such JSON, is of another batch, or its tallies are not the sums of its parts.
    """
    where = f"generation {generation} batch {batch_id}: manifest.json"
    try:
        manifest, whole = msgspec.json.decode(raw, type=Manifest), msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise MalformedBatchError(f"{where}: {error}") from error
    problem = _problem(manifest, generation, batch_id)
    if problem:
        raise MalformedBatchError(f"{where}: {problem}")
    return manifest, whole


def _problem(manifest: Manifest, generation: int, batch_id: int) -> str | None:
    ranges = manifest.offset_ranges
    read = sum(each.until_offset - each.from_offset for each in ranges)
    written = sum(file.rows for file in manifest.files)
    backwards = next((each for each in ranges if each.until_offset < each.from_offset), None)
    if (manifest.generation, manifest.batch_id) != (generation, batch_id):
        return f"is of generation {manifest.generation} batch {manifest.batch_id}"
    if len({(each.topic, each.partition) for each in ranges}) != len(ranges) or not ranges:
        return "offset_ranges must list each partition once"
    if backwards:
        where = f"{backwards.topic}[{backwards.partition}]"
        return f"{where} goes back from {backwards.from_offset} to {backwards.until_offset}"
    if read != manifest.records:
        return f"says {manifest.records} records, its offset ranges hold {read}"
    if written != manifest.rows or len({file.name for file in manifest.files}) != len(manifest.files):
        return f"says {manifest.rows} rows, its files hold {written}"
    return None
