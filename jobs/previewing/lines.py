"""Lines of files as records, and records as parsed rows: what runs in the Python workers of a preview."""

from collections import Counter
from collections.abc import Iterator

import pyarrow as pa

from counting.counting_rules import CountingRules
from counting.records import PARSED, parse_batches
from formats import describe
from formats.details import NO_NAME

AUTHOR = pa.struct(
    [
        pa.field("key", pa.string()),
        pa.field("name", pa.string()),
        pa.field("friends", pa.int64()),
        pa.field("followers", pa.int64()),
    ]
)
PARSED_WITH_AUTHOR = PARSED.append(pa.field("author", AUTHOR))
"""PARSED and the author; null for records that are no posts, and posts that name none."""


def number_lines(batches: Iterator[pa.RecordBatch], task: int) -> Iterator[pa.RecordBatch]:
    """Gives lines a place of their own: topic is the file, partition the task, offset the line within both, from 0.

    Spark cuts a file between tasks and does not say where a line stands; within a batch the place is unique, and a file
    is read in one batch only.
    """
    read: Counter[str] = Counter()
    for batch in batches:
        offsets = []
        for file in batch.column("topic").to_pylist():
            offsets.append(read[file])
            read[file] += 1
        changed = {"partition": pa.array([task] * len(offsets), pa.int32()), "offset": pa.array(offsets, pa.int64())}
        columns = [changed.get(name, batch.column(name)) for name in batch.schema.names]
        yield pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def parse_with_authors(batches: Iterator[pa.RecordBatch], rules: CountingRules) -> Iterator[pa.RecordBatch]:
    """As `parse_batches`, with PARSED_WITH_AUTHOR's further column."""
    for batch in batches:
        (parsed,) = parse_batches(iter([batch]), rules)
        authors = [
            _author(_dialect(headers), value, source)
            for headers, value, source in zip(
                batch.column("headers").to_pylist(),
                batch.column("value").to_pylist(),
                parsed.column("source").to_pylist(),
                strict=True,
            )
        ]
        yield pa.RecordBatch.from_arrays([*parsed.columns, pa.array(authors, AUTHOR)], schema=PARSED_WITH_AUTHOR)


def _dialect(headers: list[dict[str, object]] | None) -> str | None:
    found = [each["value"] for each in headers or () if each["key"] == "dialect"]
    return found[-1].decode("ascii", "replace") if found and isinstance(found[-1], bytes) else None


def _author(dialect: str | None, value: bytes | None, source: str) -> dict[str, object] | None:
    details = describe(dialect, value) if value else None
    if details is None:
        return None
    author = details.author
    known_by = author.id or author.handle or (author.name if author.name != NO_NAME else "")
    if not known_by:
        return None
    return {
        "key": f"{source}:{known_by}",
        "name": author.name,
        "friends": author.friends,
        "followers": author.followers,
    }
