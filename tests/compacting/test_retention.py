"""What retention removes, and what stays."""

import random
from datetime import timedelta

import pytest

from compacting.count_log import CountLogReader
from compacting.errors import RefusedError
from tests.compacting.running import TERMS, assert_books_are_whole, assert_exact, run
from tests.compacting.stream import START, Event, Stream, expected, in_postgres, random_events
from tests.postgres import Database, execute

pytestmark = pytest.mark.postgres


def test_files_go_when_old_and_compacted_but_the_last_batch_stays(database: Database, stream: Stream) -> None:
    for day in range(6):
        stream.write(random_events(random.Random(day), START, 2, TERMS), START + timedelta(days=day))  # noqa: S311
    late = START + timedelta(days=30)
    assert (
        run(database, stream, START + timedelta(days=4, hours=1), max_batches=2, keep_days=3).removed_batches == 2 - 1
    )
    assert run(database, stream, START + timedelta(days=5, hours=1), keep_days=3).removed_batches == 2
    assert CountLogReader(stream.url, 1).batches() == [3, 4, 5]
    assert run(database, stream, late, keep_days=3).removed_batches == 2
    assert run(database, stream, late, keep_days=3).removed_batches == 0
    assert CountLogReader(stream.url, 1).batches() == [5]
    stream.write([])
    assert run(database, stream, late).last_batch == 6
    assert_exact(database, stream)


def test_old_arrivals_go_and_hours_and_days_stay(database: Database, stream: Stream) -> None:
    rng = random.Random(7)  # noqa: S311
    for day in range(5):
        now = START + timedelta(days=day)
        stream.write(random_events(rng, now, 20, TERMS), now)
    assert run(database, stream, max_batches=3, keep_bucket_days=2).dropped_partitions == 0
    assert run(database, stream, keep_bucket_days=2).dropped_partitions == 2
    kept, wanted = in_postgres(database), expected(stream.events)
    recent = expected([event for event in stream.events if event.arrival >= START + timedelta(days=2)])
    assert kept["bucket posts"] == recent["bucket posts"]
    assert (kept["hour posts"], kept["day reposts"]) == (wanted["hour posts"], wanted["day reposts"])
    assert_books_are_whole(database)
    stream.write([Event(START, START, "hashtag", "x", "en", "too late")])
    with pytest.raises(RefusedError, match="arrived at 2026-01-01 00:00Z, but arrivals before 2026-01-03 were dropped"):
        run(database, stream)


def test_retention_waits_for_the_slower_new_generation(database: Database, stream: Stream) -> None:
    other = Stream(stream.counts, generation=2)
    execute(database.admin, "insert into generation (generation) values (2)")
    for day in range(5):
        for each in (stream, other):
            now = START + timedelta(days=day)
            each.write(random_events(random.Random(day), now, 5, TERMS), now)  # noqa: S311
    run(database, other, max_batches=1, keep_bucket_days=1)
    assert run(database, stream, keep_bucket_days=1).dropped_partitions == 0
    run(database, other, keep_bucket_days=1)
    assert run(database, stream, keep_bucket_days=1).dropped_partitions == 3
    assert_books_are_whole(database)
