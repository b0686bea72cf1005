"""How far each stage is behind the previous one. None means unknown, not zero."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

import psycopg2

from contract.manifest import Manifest, ManifestError, decode
from contract.names import MANIFEST, ROOT, batch_folder, counts_path
from stack.config.endpoints import Endpoints
from stack.observe.counts_db import read_only, rows
from stack.observe.stages import Snapshot, Stages, shown_source


@dataclass(frozen=True)
class Lags:
    """The stages of one stack at about one moment.

    Attributes:
        source: address of the source that the collector reads, None before it has started.
        collector: its status.
        collect_error: why it failed, or why nothing is sent or read at the moment; None while all is well.
        collect_lag_records: lines in the spool that Kafka has not acknowledged.
        stream: state of the newest application, such as RUNNING; `none` where YARN knows none.
        count_error: why its driver ended, if it has just ended with an error; None also where its log is not here.
        count_lag_records: records of the topic that are in no committed batch.
        compact_lag_batches: committed batches that are not compacted.
        last_batch_id, last_batch_at: the newest committed batch and its processing time.
        last_compaction_at: when the newest transaction of the compaction began.
        report_day, report_revision, report_made_at: of the newest report.
        records, posts: compacted so far.
    """

    source: str | None = None
    collector: str | None = None
    collect_error: str | None = None
    collect_lag_records: int | None = None
    stream: str | None = None
    count_error: str | None = None
    count_lag_records: int | None = None
    compact_lag_batches: int | None = None
    last_batch_id: int | None = None
    last_batch_at: datetime | None = None
    last_compaction_at: datetime | None = None
    report_day: date | None = None
    report_revision: int | None = None
    report_made_at: datetime | None = None
    records: int | None = None
    posts: int | None = None


def measure_lags(endpoints: Endpoints, generation: int) -> Lags:
    """Reads every stage; one that does not answer leaves its own fields unknown."""
    stages = Stages(endpoints, generation)
    now = stages.snapshot()
    manifest = _manifest(stages, now.newest_batch)
    compacted = now.ledger.last_batch if now.ledger else None
    day, revision, made_at, compacted_at = _postgres(endpoints, generation)
    return Lags(
        source=shown_source(now.collector) if now.collector else None,
        collector=now.collector.status if now.collector else None,
        collect_error=now.collector.error if now.collector else None,
        collect_lag_records=now.collector.lag_records if now.collector else None,
        stream=_stream(now),
        count_lag_records=count_lag(stages.end_offsets(), now.newest_batch, manifest),
        compact_lag_batches=None if compacted is None or now.newest_batch is None else now.newest_batch - compacted,
        last_batch_id=now.newest_batch,
        last_batch_at=manifest.processed_at if manifest else None,
        last_compaction_at=compacted_at,
        report_day=day,
        report_revision=revision,
        report_made_at=made_at,
        records=now.ledger.records if now.ledger else None,
        posts=now.ledger.posts if now.ledger else None,
    )


def count_lag(ends: Mapping[int, int] | None, newest_batch: int | None, manifest: Manifest | None) -> int | None:
    """Records between what the newest batch read (its manifest) and the ends of the partitions."""
    if ends is None or newest_batch is None:
        return None
    if newest_batch < 0:
        return sum(ends.values())
    if manifest is None:
        return None
    read = {each.partition: each.until_offset for each in manifest.offset_ranges}
    return sum(max(0, end - read.get(partition, 0)) for partition, end in ends.items())


def _stream(now: Snapshot) -> str | None:
    if now.applications is None:
        return None
    if not now.applications:
        return "none"
    newest = now.applications[0]
    return newest.state if newest.final_status == "UNDEFINED" else newest.final_status


def _manifest(stages: Stages, batch_id: int | None) -> Manifest | None:
    if batch_id is None or batch_id < 0:
        return None
    found = stages.file(f"{ROOT}/{counts_path(stages.generation)}/{batch_folder(batch_id)}/{MANIFEST}")
    try:
        return None if found is None else decode(found, stages.generation, batch_id)
    except ManifestError:
        return None


def _postgres(
    endpoints: Endpoints, generation: int
) -> tuple[date | None, int | None, datetime | None, datetime | None]:
    try:
        with read_only(endpoints.reader_dsn_file) as cursor:
            report = rows(cursor, "last_report")
            compaction = rows(cursor, "last_compaction", generation=generation)
    except (psycopg2.Error, OSError):
        return None, None, None, None
    day, revision, made_at = report[0] if report else (None, None, None)
    return day, revision, made_at, compaction[0][0]


def age(then: datetime | None, now: datetime | None = None) -> str:
    """How long ago an instant was: `12 s ago`, `3 min ago`, `2 h ago`; a dash if unknown."""
    if then is None:
        return "–"
    seconds = ((now or datetime.now(UTC)) - then).total_seconds()
    for limit, unit, size in ((120, "s", 1), (7200, "min", 60), (172_800, "h", 3600)):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds / 86_400:.0f} days ago"
