"""Writes one chunk to Postgres, in the transaction of the given cursor."""

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

import psycopg2

from compacting.chunk import Chunk
from compacting.database import Cursor
from compacting.errors import MalformedBatchError, RefusedError
from compacting.gaps import parse_gap
from compacting.statements import statement

if TYPE_CHECKING:
    from compacting.rows import GapRow  # imports pyarrow, see chunk.py


def enter(cursor: Cursor, generation: int, chunk: Chunk, buckets_since: date | None) -> None:
    """Writes the chunk's ledger rows, offset ranges, counts, control messages, dead letters, gaps; advances.

    The caller holds the generation's lock, and commits.

    Args:
        cursor: in a transaction.
        generation: of the batches.
        chunk: what to write.
        buckets_since: arrivals before this UTC day were dropped; None: nothing was.

    Raises:
        RefusedError: the batches do not follow the last ones, are of another topic, or a count shrank.
        MalformedBatchError: a dead letter's term cannot be parsed.
    """
    where = f"generation {generation} batches {chunk.first} to {chunk.last}"
    position = {"generation": generation, "first": chunk.first, "last": chunk.last}
    try:
        _enter_batches(cursor, chunk, position, where)
        if chunk.rows.days:
            _enter_counts(cursor, chunk, generation, buckets_since, where)
        cursor.execute(statement("advance"), position)
    except psycopg2.IntegrityError as error:
        raise RefusedError(f"{where}: {' '.join(str(error).split())}") from error


def _enter_batches(cursor: Cursor, chunk: Chunk, position: dict[str, int], where: str) -> None:
    manifests = {"manifests": json.dumps(chunk.documents)}
    cursor.execute(statement("enter_batches"), manifests)
    cursor.execute(statement("enter_offset_ranges"), manifests)
    cursor.execute(statement("ended_partitions"), position)
    for topic, partition, batch_id in cursor.fetchall():
        raise RefusedError(f"{where}: batch {batch_id + 1} does not list {topic}[{partition}], batch {batch_id} does")
    cursor.execute(statement("replaced_topics"), position)
    for batch_id, topic_id, before in cursor.fetchall():
        raise RefusedError(
            f"{where}: batch {batch_id} was read from a topic that was made anew (its id is {topic_id}, before it was "
            f"{before}): count it into a new generation"
        )


def _enter_counts(cursor: Cursor, chunk: Chunk, generation: int, buckets_since: date | None, where: str) -> None:
    rows, first = chunk.rows, chunk.rows.first_arrival
    if buckets_since and first and first < datetime.combine(buckets_since, time(), UTC):
        raise RefusedError(
            f"{where}: counts that arrived at {first:%Y-%m-%d %H:%M}Z, but arrivals before {buckets_since} "
            "were dropped: compact within --keep-bucket-days, or start a new generation that counts again"
        )
    # One query for all days; the function creates missing partitions, with the owner's rights.
    cursor.execute("select make_bucket_partition(day) from unnest(%s::date[]) as day", (rows.days,))
    cursor.execute(statement("stage_table"))
    cursor.copy_expert(statement("stage_copy"), rows.csv)
    cursor.execute("analyze incoming")
    parameters = {"generation": generation, "first_arrival": first, "last_arrival": rows.last_arrival}
    cursor.execute(statement("changes"), parameters)
    _refuse_shrinking(cursor, parameters)
    cursor.execute("analyze change")  # without it the planner chooses the wrong join: measured, twice the time
    for name in ("merge_buckets", "add_to_hours", "add_to_days", "control_messages", "said_gaps"):
        cursor.execute(statement(name), parameters)
    _enter_dead_letters(cursor, generation)
    _enter_gaps(cursor, generation, rows.gaps)


def _refuse_shrinking(cursor: Cursor, parameters: dict[str, Any]) -> None:
    cursor.execute(statement("went_back"), parameters)
    for (
        batch_id,
        metric,
        source,
        lang,
        term,
        bucket,
        arrival,
        before,
        posts,
        reposts_before,
        reposts,
    ) in cursor.fetchall():
        key = f"{metric} {source} {lang} {term!r} of {bucket:%Y-%m-%dT%H:%MZ}, arrived {arrival:%Y-%m-%dT%H:%MZ}"
        raise RefusedError(
            f"generation {parameters['generation']} batch {batch_id}: {key}: "
            f"posts {before} -> {posts}, reposts {reposts_before} -> {reposts}: "
            "a count never shrinks; was the checkpoint replaced? A new one needs a new generation"
        )


def _enter_dead_letters(cursor: Cursor, generation: int) -> None:
    cursor.execute(statement("unreadable_dead_letters"))
    for batch_id, term in cursor.fetchall():
        raise MalformedBatchError(
            f"generation {generation} batch {batch_id}: dead letter {term!r} is not TOPIC[PARTITION]@OFFSET REASON"
        )
    cursor.execute(statement("dead_letters"), {"generation": generation})


def _enter_gaps(cursor: Cursor, generation: int, rows: "Iterable[GapRow]") -> None:
    for row in rows:
        gap = parse_gap(row.note)
        parameters = {
            "generation": generation,
            "batch_id": row.batch_id,
            "arrival": row.arrival,
            "noted_at": row.noted_at,
            "source": gap.source,
            "gap_from": gap.gap_from,
            "gap_to": gap.gap_to,
            "why": gap.why,
            "notes": row.notes,
            "note": row.note,
        }
        cursor.execute(statement("gaps"), parameters)
