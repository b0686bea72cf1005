"""How many records a task has read, as a row."""

from datetime import UTC, datetime

import pyarrow as pa

from counting.read_tally import ReadTally, records_of
from counting.records import PARSED

AT = datetime(2026, 1, 1, tzinfo=UTC)


def piece(partition: int, *offsets: int) -> pa.RecordBatch:
    rows = [{"topic": "posts", "partition": partition, "offset": each, "processed_at": AT} for each in offsets]
    schema = {
        "topic": pa.string(),
        "partition": pa.int32(),
        "offset": pa.int64(),
        "processed_at": pa.timestamp("us", "UTC"),
    }
    return pa.RecordBatch.from_pylist(rows, pa.schema(schema))


def test_a_row_says_where_reading_began_and_how_many_records_came() -> None:
    tally, pieces = ReadTally(), [piece(1, 7, 9), piece(1, 10), piece(1)]
    assert list(tally.of(pieces)) == pieces
    (found,) = tally.rows()
    assert found.schema == PARSED
    assert found.to_pylist() == [
        {
            "record_id": "read/posts[1]@7",
            "kind": "read",
            "processed_at": AT,
            "event_at": AT,
            "source": "",
            "lang": "",
            "term": "posts[1]@7 3",
            "hashtags": [],
            "spellings": [],
            "words": [],
            "is_repost": False,
        }
    ]


def test_each_partition_has_a_row_of_its_own() -> None:
    tally = ReadTally()
    list(tally.of([piece(0, 1, 2), piece(3, 1)]))
    (found,) = tally.rows()
    assert found.column("term").to_pylist() == ["posts[0]@1 2", "posts[3]@1 1"]
    assert records_of(found.column("term").to_pylist()) == 3


def test_a_task_that_read_nothing_has_no_row() -> None:
    tally = ReadTally()
    list(tally.of([piece(0)]))
    assert list(tally.rows()) == []
