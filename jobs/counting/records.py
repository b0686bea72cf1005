"""Kafka records as Arrow batches → parsed rows as Arrow batches. Runs in the executors' Python workers."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from counting.counting_rules import CountingRules
from formats import parse, terms
from formats.parsed import Parsed

_TIMESTAMP = pa.timestamp("us", "UTC")
_MAX_US = 253_402_300_800_000_000  # the year 10000: what lies outside of the calendar is implausible anyway
_MAX_EPOCH_MS_DIGITS = 15
SEPARATOR = "\t"
"""Between a term and what else its row says; no term has it in it, control characters are removed."""

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


def parse_batches(batches: Iterator[pa.RecordBatch], meaning: CountingRules | None = None) -> Iterator[pa.RecordBatch]:
    """Parses batches of the columns topic, partition, offset, timestamp, key, value, headers, processed_at.

    Args:
        batches: of the topic.
        meaning: what is counted of a post; the defaults where it is None.

    Yields:
        Batches of PARSED, one row a record, in the same order.
    """
    meaning = meaning or CountingRules()
    for batch in batches:
        yield _parse_batch(batch, meaning)


def _parse_batch(batch: pa.RecordBatch, meaning: CountingRules) -> pa.RecordBatch:
    columns = {name: batch.column(name) for name in batch.schema.names}
    headers = columns["headers"]
    processed_at = columns["processed_at"].cast(_TIMESTAMP)
    rows = [
        _row(meaning, *record)
        for record in zip(
            columns["topic"].to_pylist(),
            columns["partition"].to_pylist(),
            columns["offset"].to_pylist(),
            _micros(columns["timestamp"]),
            columns["key"].to_pylist(),
            columns["value"].to_pylist(),
            _header(headers, "dialect"),
            _header(headers, "received_at"),
            _header(headers, "collector"),
            _micros(processed_at),
            strict=True,
        )
    ]
    fields = list(zip(*rows, strict=True)) if rows else [()] * len(_row_types())
    arrays = [pa.array(field, kind) for field, kind in zip(fields, _row_types(), strict=True)]
    arrays.insert(PARSED.get_field_index("processed_at"), processed_at)
    return pa.RecordBatch.from_arrays(arrays, schema=PARSED)


def _row_types() -> list[pa.DataType]:
    return [field.type for field in PARSED if field.name != "processed_at"]


def _row(
    meaning: CountingRules,
    topic: str,
    partition: int,
    offset: int,
    timestamp_us: int,
    key: bytes | None,
    value: bytes | None,
    dialect: bytes | None,
    received_at: bytes | None,
    collector: bytes | None,
    processed_at_us: int,
) -> tuple[Any, ...]:
    """One record as PARSED's columns without processed_at."""
    parsed = parse(None if dialect is None else dialect.decode("ascii", "replace"), value)
    place = f"{topic}[{partition}]@{offset}"
    own_key = key.decode("utf-8", "backslashreplace") if key and collector is not None else place
    spelled = meaning.hashtags(parsed)
    return (
        parsed.post_id if parsed.post_id is not None else f"{parsed.kind}/{own_key}",
        parsed.kind,
        _event_us(parsed, received_at, timestamp_us, processed_at_us),
        parsed.source,
        parsed.lang,
        _own_term(parsed, place),
        terms.hashtags(spelled),
        spellings(spelled),
        meaning.terms(parsed),
        parsed.is_repost,
    )


def _own_term(parsed: Parsed, place: str) -> str:
    """What the books keep of the record itself."""
    if parsed.kind == "dead":
        return f"{place} {parsed.term}"
    if parsed.kind == "control" and parsed.about:
        return f"{parsed.term}{SEPARATOR}{parsed.about}"
    return parsed.term


def spellings(tags: tuple[str, ...]) -> list[str]:
    """`IDENTITY<TAB>SPELLING` of each different way in which the post spells a hashtag."""
    if not tags:
        return []
    each = dict.fromkeys(_cached(tag) if len(tag) <= terms.MAX_LENGTH else _spelling(tag) for tag in tags)
    each.pop("", None)
    return list(each)


def _spelling(tag: str) -> str:
    identity = terms.identity(tag)
    return f"{identity}{SEPARATOR}{terms.spelling(tag)}" if identity else ""


_cached = lru_cache(maxsize=65_536)(_spelling)


def _event_us(parsed: Parsed, received_at: bytes | None, timestamp_us: int, processed_at_us: int) -> int:
    """When it happened, by the post; else when it was received, or appended. Of dead and gap, when we learned of it."""
    if parsed.kind in ("dead", "gap"):
        return processed_at_us
    event_us = parsed.created_at_us
    if event_us is None:
        event_us = _received_us(received_at)
    if event_us is None:
        event_us = timestamp_us
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
