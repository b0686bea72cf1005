"""Kafka records as Arrow batches → parsed rows as Arrow batches. Runs in the executors' Python workers."""

import logging
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from counting.counting_rules import CountingRules
from counting.time_limit import CpuLimit, TookTooLong
from formats import dead, parse, terms
from formats.faults import MACHINE_FAULTS, log_once
from formats.parsed import TOO_SLOW, UNREADABLE, Parsed

_TIMESTAMP = pa.timestamp("us", "UTC")
_MAX_US = 253_402_300_800_000_000  # the year 10000: times outside the calendar are implausible anyway
_MAX_EPOCH_MS_DIGITS = 15
SEPARATOR = "\t"
"""Separates a term from the rest of its row; no term contains it, since control characters are removed."""

RECORD_CPU_S = 120
"""Processor time after which a record is dead. No record of 2 MB needs a quarter of it (tests/formats/test_cost.py)."""

log = logging.getLogger(__name__)

PARSED = pa.schema(
    [
        ("record_id", pa.string()),
        ("kind", pa.string()),
        ("processed_at", _TIMESTAMP),
        ("event_at", _TIMESTAMP),
        ("source", pa.string()),
        ("lang", pa.string()),
        ("term", pa.string()),
        ("hashtags", pa.list_(pa.string())),
        ("spellings", pa.list_(pa.string())),
        ("words", pa.list_(pa.string())),
        ("is_repost", pa.bool_()),
    ]
)
"""One row a record; `record_id` is its identity for the dedupe. A spelling is `IDENTITY<TAB>SPELLING`."""


class Record(NamedTuple):
    """One record of the topic, as far as its row depends on it.

    Attributes:
        timestamp_us: Kafka's own, epoch microseconds.
        dialect, received_at, collector: headers; None where absent (docs/contracts.md, "A record of topic `posts`").
        processed_at_us: the batch's own time, epoch microseconds.
    """

    topic: str
    partition: int
    offset: int
    timestamp_us: int
    key: bytes | None
    value: bytes | None
    dialect: bytes | None
    received_at: bytes | None
    collector: bytes | None
    processed_at_us: int

    @property
    def place(self) -> str:
        """The record's position, as dead letters name it."""
        return f"{self.topic}[{self.partition}]@{self.offset}"

    @property
    def own_key(self) -> str:
        """Identity of a record that names no post: our collector's key, otherwise its position."""
        if self.key and self.collector is not None:
            return self.key.decode("utf-8", "backslashreplace")
        return self.place


def parse_batches(batches: Iterator[pa.RecordBatch], rules: CountingRules | None = None) -> Iterator[pa.RecordBatch]:
    """Parses batches of the columns topic, partition, offset, timestamp, key, value, headers, processed_at.

    Args:
        batches: of the topic.
        rules: what is counted of a post; None stands for the defaults.

    Yields:
        Batches of PARSED, one row a record, in the same order.
    """
    rules = rules or CountingRules()
    for batch in batches:
        yield _parse_batch(batch, rules)


def _parse_batch(batch: pa.RecordBatch, rules: CountingRules) -> pa.RecordBatch:
    processed_at = batch.column("processed_at").cast(_TIMESTAMP)
    limit = CpuLimit(RECORD_CPU_S)
    rows = [_row(rules, record, limit) for record in _records(batch, processed_at)]
    fields = list(zip(*rows, strict=True)) if rows else [()] * len(_row_types())
    arrays = [pa.array(field, kind) for field, kind in zip(fields, _row_types(), strict=True)]
    arrays.insert(PARSED.get_field_index("processed_at"), processed_at)
    return pa.RecordBatch.from_arrays(arrays, schema=PARSED)


def _records(batch: pa.RecordBatch, processed_at: pa.Array) -> Iterator[Record]:
    headers = batch.column("headers")
    columns = zip(
        batch.column("topic").to_pylist(),
        batch.column("partition").to_pylist(),
        batch.column("offset").to_pylist(),
        _micros(batch.column("timestamp")),
        batch.column("key").to_pylist(),
        batch.column("value").to_pylist(),
        _header(headers, "dialect"),
        _header(headers, "received_at"),
        _header(headers, "collector"),
        _micros(processed_at),
        strict=True,
    )
    return map(Record._make, columns)


def _row_types() -> list[pa.DataType]:
    return [field.type for field in PARSED if field.name != "processed_at"]


def _row(rules: CountingRules, record: Record, limit: CpuLimit) -> tuple[Any, ...]:
    """One record as PARSED's columns without processed_at; a row of its own for every record, whatever is in it."""
    dialect = None if record.dialect is None else record.dialect.decode("ascii", "replace")
    try:
        with limit:
            return _columns(rules, record, parse(dialect, record.value))
    except TookTooLong:
        log.warning("%s took more than %d s of processor time: it becomes a dead letter", record.place, RECORD_CPU_S)
        return _columns(rules, record, dead(dialect, TOO_SLOW))
    except MACHINE_FAULTS:
        raise
    except Exception:  # whole or not at all: what was understood before is not counted
        log_once(f"{record.place} cannot be read")
        return _columns(rules, record, dead(dialect, UNREADABLE))


def _columns(rules: CountingRules, record: Record, parsed: Parsed) -> tuple[Any, ...]:
    spelled = rules.hashtags(parsed)
    return (
        parsed.post_id if parsed.post_id is not None else f"{parsed.kind}/{record.own_key}",
        parsed.kind,
        _event_us(parsed, record),
        parsed.source,
        parsed.lang,
        _own_term(parsed, record),
        terms.hashtags(spelled),
        spellings(spelled),
        rules.terms(parsed),
        parsed.is_repost,
    )


def _own_term(parsed: Parsed, record: Record) -> str:
    """The part of the record that the books keep."""
    if parsed.kind == "dead":
        return f"{record.place} {parsed.term}"
    if parsed.kind == "control" and parsed.about:
        return f"{parsed.term}{SEPARATOR}{parsed.about}"
    return parsed.term


def spellings(tags: tuple[str, ...]) -> list[str]:
    """`IDENTITY<TAB>SPELLING` of each different spelling of a hashtag in the post."""
    if not tags:
        return []
    each = dict.fromkeys(_cached(tag) if len(tag) <= terms.MAX_LENGTH else _spelling(tag) for tag in tags)
    each.pop("", None)
    return list(each)


def _spelling(tag: str) -> str:
    identity = terms.identity(tag)
    return f"{identity}{SEPARATOR}{terms.spelling(tag)}" if identity else ""


_cached = lru_cache(maxsize=65_536)(_spelling)


def _event_us(parsed: Parsed, record: Record) -> int:
    """Event time by the post, else when it was received, else Kafka's; a dead record or gap has its processing time."""
    if parsed.kind in ("dead", "gap"):
        return record.processed_at_us
    event_us = parsed.created_at_us
    if event_us is None:
        event_us = _received_us(record.received_at)
    if event_us is None:
        event_us = record.timestamp_us
    return event_us if 0 <= event_us < _MAX_US else 0


def _received_us(received_at: bytes | None) -> int | None:
    if received_at and received_at.isdigit() and len(received_at) <= _MAX_EPOCH_MS_DIGITS:
        return int(received_at) * 1000
    return None


def _micros(timestamps: pa.Array) -> list[int]:
    micros: list[int] = timestamps.cast(_TIMESTAMP).cast(pa.int64()).to_pylist()
    return micros


def _header(headers: pa.ListArray, name: str) -> list[bytes | None]:
    """The header's value of each record, the last one where it is repeated; None where absent."""
    found: list[bytes | None] = [None] * len(headers)
    entries = headers.flatten()
    chosen = pc.equal(entries.field("key"), name)
    owners = pc.list_parent_indices(headers).filter(chosen).to_pylist()
    values = entries.field("value").filter(chosen).to_pylist()
    for owner, value in zip(owners, values, strict=True):
        found[owner] = value
    return found
