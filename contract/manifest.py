"""manifest.json of a batch in the count log: written by the streaming job, read by the compaction and by `status`."""

from datetime import datetime
from typing import Annotated

import msgspec

from contract.names import MANIFEST

Count = Annotated[int, msgspec.Meta(ge=0)]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class ManifestError(ValueError):
    """The bytes are no manifest of that batch; the message starts with where they lie."""


class OffsetRange(msgspec.Struct, frozen=True):
    """The records of one partition that a batch read: [from_offset, until_offset).

    Attributes:
        leader_epoch: of the partition while they were read; None in older manifests.
    """

    topic: str
    partition: Count
    from_offset: Count
    until_offset: Count
    leader_epoch: Count | None = None

    @property
    def records(self) -> int:
        """How many records it has."""
        return self.until_offset - self.from_offset


class File(msgspec.Struct, frozen=True):
    """A Parquet file of the batch; `rows` are its rows."""

    name: str
    rows: Count


class Manifest(msgspec.Struct, frozen=True):
    """One batch: its times, its offset ranges (every partition of the topic), its tallies.

    Attributes:
        processed_at: the batch's own time, the same each time that it runs.
        watermark: None before the first.
        offset_ranges: one for each partition, empty ones too.
        records: of all ranges.
        rows: of all files.
        code_version: the version of the streaming job that wrote it.
        top_hashtags: the hashtags with the most posts among the batch's changed keys, and how many.
        unread: offsets of the ranges that hold no readable record: markers of transactions, what they aborted.
        dedup_window_min: minutes for which a repeat was recognised; None in older manifests.
        topic_id: Kafka's id of the topic, another one where a topic of the same name was made anew; empty: not known.
    """

    generation: int
    batch_id: Count
    processed_at: Instant
    watermark: Instant | None
    offset_ranges: list[OffsetRange]
    records: Count
    rows: Count
    files: list[File]
    code_version: str = ""
    top_hashtags: list[tuple[str, int]] = []
    unread: Count = 0
    dedup_window_min: Count | None = None
    topic_id: str = ""


def encode(manifest: Manifest) -> bytes:
    """The file's bytes. Times always have microseconds, which msgspec would leave out where they are 0."""
    times = {"processed_at": _iso(manifest.processed_at), "watermark": _iso(manifest.watermark)}
    return msgspec.json.encode(msgspec.to_builtins(manifest) | times)


def decode(raw: bytes, generation: int, batch_id: int) -> Manifest:
    """The manifest in a file's bytes, checked against its place and its own sums.

    Args:
        raw: the bytes.
        generation: in whose folder the file lies.
        batch_id: in whose folder the file lies.

    Raises:
        ManifestError: they are no such JSON, belong to another batch, or the tallies are not the sums of the parts.
    """
    where = f"generation {generation} batch {batch_id}: {MANIFEST}"
    try:
        manifest = msgspec.json.decode(raw, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ManifestError(f"{where}: {error}") from error
    if (manifest.generation, manifest.batch_id) != (generation, batch_id):
        raise ManifestError(f"{where}: is of generation {manifest.generation} batch {manifest.batch_id}")
    if problem := _problem(manifest):
        raise ManifestError(f"{where}: {problem}")
    return manifest


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z") if moment else None


def _problem(manifest: Manifest) -> str | None:
    ranges = manifest.offset_ranges
    read = sum(each.records for each in ranges)
    written = sum(file.rows for file in manifest.files)
    backwards = next((each for each in ranges if each.records < 0), None)
    if len({(each.topic, each.partition) for each in ranges}) != len(ranges) or not ranges:
        return "offset_ranges must list each partition once"
    if backwards:
        where = f"{backwards.topic}[{backwards.partition}]"
        return f"{where} goes back from {backwards.from_offset} to {backwards.until_offset}"
    if read != manifest.records:
        return f"says {manifest.records} records, its offset ranges hold {read}"
    if manifest.unread > read:
        return f"says {manifest.unread} unread offsets of {read}"
    if written != manifest.rows or len({file.name for file in manifest.files}) != len(manifest.files):
        return f"says {manifest.rows} rows, its files hold {written}"
    return None
