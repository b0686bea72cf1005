"""Compacts one generation chunk by chunk until nothing is left, then removes what is older than the retention."""

import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from compacting.chunk import read_chunk
from compacting.collected import read_collected
from compacting.count_log import CountLogReader, new_batches
from compacting.database import Connection, connect, may_pass
from compacting.errors import CountLogReplacedError, CountLogUnavailableError, RefusedError
from compacting.ledger import enter
from compacting.statements import statement
from contract.generations import QUERY, WrongGenerationError, require_countable

log = logging.getLogger(__name__)

MAX_REMOVALS = 5000  # per run; the next one removes the rest
ATTEMPTS = 7  # of a transaction, within about a minute
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class CompactSettings:
    """What to compact, and its limits.

    Attributes:
        dsn: libpq connection string of the compactor.
        generation: the generation to compact.
        max_batches: the most batches of one run; None: no limit.
        chunk_batches: the most batches of one transaction.
        chunk_rows: the most Parquet rows of one transaction (a larger batch is one by itself).
        keep_days: days for which a compacted batch's files are kept, by its own time.
        keep_bucket_days: days of arrival that count_bucket keeps.
        spool: the collector's directory, whose list of kinds is copied to Postgres; None: on another machine.
    """

    dsn: str
    generation: int = 1
    max_batches: int | None = None
    chunk_batches: int = 200
    chunk_rows: int = 500_000
    keep_days: int = 3
    keep_bucket_days: int = 30
    spool: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """What a run did. `first_batch` is None if it compacted nothing, `last_batch` the newest compacted one."""

    generation: int
    batches: int
    first_batch: int | None
    last_batch: int | None
    rows: int
    records: int
    removed_batches: int
    dropped_partitions: int

    def as_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class GenerationPosition:
    """The generation's position: its newest compacted batch, and the UTC day of arrival with which buckets begin."""

    last: int | None
    buckets_since: date | None


@dataclass
class Compacted:
    """Totals so far: Parquet rows, and records of the topic."""

    rows: int = 0
    records: int = 0


def compact(settings: CompactSettings, count_log: CountLogReader, now: datetime) -> Outcome:
    """Compacts new batches, then removes what is older than the retention.

    Args:
        settings: what to compact, and its limits.
        count_log: of the same generation.
        now: the time from which age is measured; timezone-aware.

    Raises:
        CompactionError: it can't continue. Earlier chunks are compacted; of the current one, nothing is.
        psycopg2.Error: Postgres can't be reached or refuses, even after retries.
    """
    start, todo = retried(partial(_backlog, settings, count_log))
    last, tally = start.last, Compacted()
    if settings.max_batches is not None:
        todo = todo[: settings.max_batches]
    while todo:
        last = retried(_smaller_each_time(settings, count_log, todo, tally))
        todo = range(last + 1, todo.stop)
    removed, dropped = retried(partial(_retain, settings, count_log, now)) if last is not None else (0, 0)
    first = 0 if start.last is None else start.last + 1
    batches = 0 if last is None else last + 1 - first
    return Outcome(
        settings.generation, batches, first if batches else None, last, tally.rows, tally.records, removed, dropped
    )


def retried(attempt: Callable[[], Answer]) -> Answer:
    """Attempts with backoff until one succeeds; an error that a retry cannot resolve is raised at once."""
    retrying = Retrying(
        retry=retry_if_exception(lambda error: may_pass(error) or isinstance(error, CountLogUnavailableError)),
        wait=wait_exponential_jitter(multiplier=0.5, max=20),
        stop=stop_after_attempt(ATTEMPTS),
        before_sleep=_log_retry,
        reraise=True,
    )
    return retrying(attempt)


def _backlog(settings: CompactSettings, count_log: CountLogReader) -> tuple[GenerationPosition, range]:
    """The generation's position, and the batches to compact."""
    with connect(settings.dsn) as connection:
        with connection:
            position = _known_position(connection, settings.generation)
        committed = count_log.batches()
        if position.last is not None:
            _refuse_replaced(connection, count_log, committed, position.last)
    return position, new_batches(committed, position.last)


def _known_position(connection: Connection, generation: int) -> GenerationPosition:
    """Raises RefusedError for a generation that nobody has begun, or that is over."""
    with connection.cursor() as cursor:
        cursor.execute(QUERY)
        registered = dict(cursor.fetchall())
    try:
        require_countable(generation, registered)
    except WrongGenerationError as error:
        raise RefusedError(str(error)) from error
    return _position(connection, generation, "position") or GenerationPosition(None, None)


def _refuse_replaced(connection: Connection, count_log: CountLogReader, committed: list[int], last: int) -> None:
    """Compares the last compacted batch: a count log that began again would otherwise pass for the old one."""
    where = f"generation {count_log.generation} batch {last}"
    if last not in committed:
        raise CountLogReplacedError(
            f"{where} is compacted but no longer in the count log, which ends at batch {max(committed, default=None)}: "
            "a new checkpoint needs a new generation"
        )
    ((compacted,),) = _run(connection, "compacted_manifest", generation=count_log.generation, batch_id=last)
    if count_log.manifest(last)[1] != compacted:
        raise CountLogReplacedError(
            f"{where}: manifest.json is not the one that was compacted: a new checkpoint needs a new generation"
        )


def _smaller_each_time(
    settings: CompactSettings, count_log: CountLogReader, todo: range, tally: Compacted
) -> Callable[[], int]:
    """Attempts at the first of `todo`, each with half as many batches: too slow as a whole may pass in parts."""
    batches = settings.chunk_batches * 2

    def attempt() -> int:
        nonlocal batches
        batches = max(1, batches // 2)
        return _compact_chunk(settings, count_log, todo[:batches], tally)

    return attempt


def _compact_chunk(settings: CompactSettings, count_log: CountLogReader, todo: range, tally: Compacted) -> int:
    """Compact the first of `todo` in one transaction; returns the newest batch compacted now.

    The batches are read before the transaction begins: however slow HDFS is, no lock waits for it. Then the
    generation's position is read, which shows whether a commit with a lost answer succeeded, and what another
    compactor did meanwhile.
    """
    chunk = read_chunk(count_log, todo, settings.chunk_rows)
    with connect(settings.dsn) as connection, connection, connection.cursor() as cursor:
        position = _position(connection, settings.generation, "lock_position")
        if position is None:
            raise CountLogReplacedError(f"generation {settings.generation} is no longer in the database")
        done = -1 if position.last is None else position.last
        if done >= todo[0]:
            log.info("generation %d: batches up to %d are compacted already", settings.generation, done)
            return done
        enter(cursor, settings.generation, chunk, position.buckets_since)
        # Read after the batches: a kind is on disk before its first record is published.
        cursor.execute(statement("collected"), {"notes": read_collected(settings.spool)})
    tally.rows += sum(manifest.rows for manifest in chunk.manifests)
    tally.records += sum(manifest.records for manifest in chunk.manifests)
    log.info("generation %d: compacted batches %d to %d", settings.generation, chunk.first, chunk.last)
    return chunk.last


def _retain(settings: CompactSettings, count_log: CountLogReader, now: datetime) -> tuple[int, int]:
    """Remove files and buckets that are older than the retention; returns how many of each."""
    with connect(settings.dsn) as connection, connection:
        before = now - timedelta(days=settings.keep_days)
        ((newest,),) = _run(connection, "removable_batch", generation=settings.generation, processed_before=before)
        keep = {"generation": settings.generation, "keep_bucket_days": settings.keep_bucket_days}
        floor = _run(connection, "bucket_retention", **keep)
        dropped = _run(connection, "drop_buckets", arrived_before=floor[0][0]) if floor and floor[0][0] else []
    old = [] if newest is None else [batch_id for batch_id in count_log.batches() if batch_id <= newest]
    for batch_id in old[:MAX_REMOVALS]:
        count_log.remove(batch_id)
    return len(old[:MAX_REMOVALS]), len(dropped)


def _position(connection: Connection, generation: int, name: str) -> GenerationPosition | None:
    rows = _run(connection, name, generation=generation)
    return GenerationPosition(*rows[0]) if rows else None


def _run(connection: Connection, name: str, **parameters: object) -> list[tuple[Any, ...]]:
    """Runs a statement of sql/compacting; returns its rows, if any."""
    with connection.cursor() as cursor:
        cursor.execute(statement(name), parameters)
        return cursor.fetchall() if cursor.description else []


def _log_retry(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    wait_s = state.next_action.sleep if state.next_action else 0
    log.warning("attempt %d failed: %s; retrying in %.1f s", state.attempt_number, " ".join(str(error).split()), wait_s)
