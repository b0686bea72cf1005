"""What the compaction refuses, and that it leaves nothing of it in Postgres."""

import random
from datetime import UTC, datetime
from pathlib import Path

import psycopg2
import pytest

from compacting.errors import CountLogReplacedError, MalformedBatchError, MissingBatchError, RefusedError
from tests.compacting.running import TERMS, assert_exact, run
from tests.compacting.stream import START, Event, Stream, random_events
from tests.postgres import Database, execute

pytestmark = pytest.mark.postgres


def test_a_batch_missing_in_the_middle_stops_it_by_name(database: Database, stream: Stream) -> None:
    for _ in range(4):
        stream.write([])
    run(database, stream, max_batches=1)
    stream.folder(2).rename(stream.counts / "elsewhere")
    with pytest.raises(MissingBatchError, match=r"batch 2 is missing.* 3 is there and 0 is compacted"):
        run(database, stream)
    (stream.counts / "elsewhere").rename(stream.folder(2))
    assert run(database, stream).last_batch == 3


@pytest.mark.parametrize(
    ("first", "second"),
    [((0, 10), (11, 20)), ((0, 10), (9, 20)), ((0, 10), (0, 10)), ((0, 10), (0, 0))],
    ids=["gap", "overlap", "again", "back"],
)
def test_the_database_refuses_ranges_that_do_not_follow(
    database: Database, stream: Stream, first: tuple[int, int], second: tuple[int, int]
) -> None:
    for batch_id, (start, end) in enumerate((first, second)):
        stream.write([Event(START, START, "post", "x", "en", "")])
        ranges = [{"topic": "posts", "partition": 0, "from_offset": start, "until_offset": end}]
        stream.change_manifest(batch_id, records=end - start, offset_ranges=ranges)
    with pytest.raises(RefusedError, match=r"generation 1 batches 0 to 1: .*range_starts_where_the_last_one_ended"):
        run(database, stream)
    assert run(database, stream, max_batches=1).last_batch == 0
    with pytest.raises(RefusedError, match=r"generation 1 batches 1 to 1: .*range_starts_where_the_last_one_ended"):
        run(database, stream)
    assert execute(database.reader, "select posts from count_day") == [(1,)]


def test_a_partition_may_be_added_at_offset_0_only_and_never_goes(database: Database, stream: Stream) -> None:
    stream.write([])
    stream.partitions = 3
    stream.until[2] = 0
    stream.write(random_events(random.Random(5), START, 5, TERMS))  # noqa: S311
    run(database, stream, max_batches=1)
    run(database, stream)
    stream.partitions, stream.until[3] = 4, 5
    stream.write([])
    with pytest.raises(RefusedError, match="only_a_start_has_none_before"):
        run(database, stream)
    stream.change_manifest(
        2,
        offset_ranges=[
            {"topic": "posts", "partition": 0, "from_offset": stream.until[0], "until_offset": stream.until[0]}
        ],
    )
    with pytest.raises(RefusedError, match=r"batch 2 does not list posts\[1\], batch 1 does"):
        run(database, stream)
    assert_exact(database, stream)


def test_a_batch_of_a_topic_that_was_made_anew_is_refused(database: Database, stream: Stream) -> None:
    for batch_id, topic_id in enumerate(["", "a", "a", "b"]):
        stream.write([Event(START, START, "post", "x", "en", "")])
        stream.change_manifest(batch_id, topic_id=topic_id)
    assert run(database, stream, max_batches=3).last_batch == 2
    with pytest.raises(RefusedError, match=r"batch 3 was read from a topic that was made anew \(its id is b, .* a\)"):
        run(database, stream)
    assert execute(database.reader, "select posts from count_day") == [(3,)]


def test_the_ledger_itself_refuses_a_gap_between_batches(database: Database) -> None:
    row = """insert into batch_ledger (generation, batch_id, processed_at, records, rows, manifest)
             values (1, %s, now(), 0, 0, '{}')"""
    execute(database.compactor, row, 0)
    with pytest.raises(psycopg2.errors.ForeignKeyViolation, match="batch_follows_the_last_one"):
        execute(database.compactor, row, 2)


def test_a_count_that_shrinks_is_refused_with_its_key(database: Database, stream: Stream) -> None:
    event = Event(START, START, "hashtag", "x", "en", "tag")
    stream.write([event, event])
    stream.events.clear()
    stream.write([event])
    run(database, stream, max_batches=1)
    with pytest.raises(RefusedError, match=r"generation 1 batch 1: hashtag x en 'tag' of .* posts 2 -> 1"):
        run(database, stream)
    assert execute(database.reader, "select posts from count_hour union select posts from count_bucket") == [(2,)]


def test_reposts_that_shrink_are_refused_although_the_posts_grow(database: Database, stream: Stream) -> None:
    event = Event(START, START, "hashtag", "x", "en", "tag")
    stream.write([event, event._replace(is_repost=True)])
    stream.events.clear()
    stream.write([event, event, event])
    run(database, stream, max_batches=1)
    with pytest.raises(RefusedError, match=r"batch 1: hashtag x en 'tag' of .* posts 2 -> 3, reposts 1 -> 0"):
        run(database, stream)


@pytest.mark.parametrize(("posts", "reposts"), [(2, 1), (3, 2)])
def test_reposts_that_grow_by_more_than_their_posts_are_refused(
    database: Database, stream: Stream, posts: int, reposts: int
) -> None:
    event = Event(START, START, "hashtag", "x", "en", "tag")
    stream.write([event, event])
    stream.events.clear()
    stream.write([event] * (posts - reposts) + [event._replace(is_repost=True)] * reposts)
    run(database, stream, max_batches=1)
    with pytest.raises(RefusedError, match=rf"posts 2 -> {posts}, reposts 0 -> {reposts}"):
        run(database, stream)


def test_a_count_that_shrinks_within_one_chunk_is_refused_too(database: Database, stream: Stream) -> None:
    event = Event(START, START, "hashtag", "x", "en", "tag")
    stream.write([event, event])
    stream.events.clear()
    stream.write([event])
    with pytest.raises(MalformedBatchError, match=r"batch 1: posts of .*'tag'.* shrinks"):
        run(database, stream)


def test_a_count_log_that_began_again_is_not_taken_for_the_old_one(
    database: Database, stream: Stream, tmp_path: Path
) -> None:
    for _ in range(3):
        stream.write(random_events(random.Random(6), START, 5, TERMS))  # noqa: S311
    run(database, stream)
    again = Stream(tmp_path / "again")
    with pytest.raises(
        CountLogReplacedError, match="batch 2 is compacted but no longer in the count log, which ends at batch None"
    ):
        run(database, again)
    for _ in range(4):
        again.write([])
    with pytest.raises(CountLogReplacedError, match=r"batch 2: manifest\.json is not the one"):
        run(database, again)
    assert_exact(database, stream)


def test_a_malformed_batch_stops_it_and_those_before_are_kept(database: Database, stream: Stream) -> None:
    stream.write(random_events(random.Random(9), START, 5, TERMS))  # noqa: S311
    stream.write([])
    stream.change_manifest(1, rows=1)
    with pytest.raises(MalformedBatchError, match="generation 1 batch 1: "):
        run(database, stream, chunk_batches=1)
    assert execute(database.reader, "select last_batch_id from generation") == [(0,)]
    stream.change_manifest(1, rows=0)
    assert run(database, stream, datetime.now(UTC)).last_batch == 1


def test_the_database_itself_refuses_a_partition_that_starts_twice(database: Database, stream: Stream) -> None:
    stream.write([])
    stream.write([])
    run(database, stream)
    execute(database.admin, "delete from offset_range where batch_id = 1 and partition = 1")
    row = "insert into offset_range values (1, 1, 'posts', 1, null, 0, 50)"
    with pytest.raises(psycopg2.errors.UniqueViolation, match="offset_range_start"):
        execute(database.compactor, row)
