"""The whole compaction, from files to a real Postgres, against plain sums."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import psycopg2
import pytest

from compacting import compaction
from compacting.compaction import Compacted, CompactSettings, Outcome
from compacting.count_log import CountLogReader
from compacting.database import SESSION
from compacting.errors import CountLogUnavailableError, RefusedError
from contract.manifest import Manifest
from tests.compacting.running import CHECKS, TERMS, assert_books_are_whole, assert_exact, run
from tests.compacting.stream import IMPLAUSIBLE, START, Event, Stream, random_events
from tests.postgres import Database, execute

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize("seed", range(8))
def test_any_sequence_of_batches_in_any_chunks_equals_the_plain_sums(
    database: Database, stream: Stream, seed: int
) -> None:
    rng = random.Random(seed)  # noqa: S311
    now = START - timedelta(minutes=30)
    for _ in range(rng.randrange(1, 5)):
        for _ in range(rng.randrange(0, 9)):
            now += timedelta(seconds=rng.choice([10, 10, 600, 86_000]))
            stream.write(random_events(rng, now, rng.choice([0, 1, 5, 40]), TERMS), now, files=rng.choice([1, 1, 3]))
        run(database, stream, chunk_rows=rng.choice([1, 30, 10_000]), chunk_batches=rng.choice([1, 3, 100]))
        assert_exact(database, stream)


def test_nothing_to_do_is_said_before_the_first_batch_and_after_the_last(database: Database, stream: Stream) -> None:
    nothing = Outcome(1, 0, None, None, 0, 0, 0, 0)
    assert run(database, stream) == nothing
    stream.write(random_events(random.Random(1), START, 10, TERMS))  # noqa: S311
    first = run(database, stream)
    assert (first.batches, first.first_batch, first.last_batch, first.records) == (1, 0, 0, len(stream.events))
    assert run(database, stream) == replace(nothing, last_batch=0)
    assert_exact(database, stream)


def test_max_batches_limits_a_run_and_the_next_goes_on(database: Database, stream: Stream) -> None:
    for _ in range(5):
        stream.write(random_events(random.Random(2), START, 3, TERMS))  # noqa: S311
    assert [run(database, stream, max_batches=2, chunk_batches=1).last_batch for _ in range(4)] == [1, 3, 4, 4]
    assert_exact(database, stream)


def test_a_month_of_backlog_goes_in_chunks(database: Database, stream: Stream) -> None:
    rng = random.Random(3)  # noqa: S311
    for hour in range(0, 31 * 24, 2):
        now = START + timedelta(hours=hour)
        stream.write(random_events(rng, now, 2, TERMS), now)
    outcome = run(database, stream, START + timedelta(days=31), chunk_batches=50, keep_days=100)
    assert (outcome.batches, outcome.dropped_partitions) == (372, 0)
    assert_exact(database, stream)
    assert execute(database.reader, "select count(distinct xmin::text) from batch_ledger") == [(8,)]


def test_a_chunk_ends_before_the_batch_that_exceeds_its_rows(database: Database, stream: Stream) -> None:
    for _ in range(3):
        stream.write([Event(START, START, "hashtag", "x", "en", term) for term in "abc"])
    run(database, stream, chunk_rows=6)
    assert execute(database.reader, "select count(distinct xmin::text) from batch_ledger") == [(2,)]


def test_dead_letters_and_gaps_have_their_own_tables_and_the_books_balance(database: Database, stream: Stream) -> None:
    note = '{"source":"x","from":"2026-01-01T00:00:00Z","to":"2026-01-01T00:05:00+00:00","why":"connection lost"}'
    huge = "a note that is no JSON " + "x" * 9000
    events = [Event(START, START, "dead", "x", "und", f"posts[1]@{n} truncated or invalid JSON") for n in range(3)]
    events += [
        Event(START, START, "gap", "hashtide", "und", n) for n in (note, huge, huge, '{"from": 17, "to": "abc"}')
    ]
    events += [Event(START, START, "post", "x", "en", ""), Event(START, START, "control", "x", "und", "delete")]
    stream.write(events)
    stream.write(events[:1])  # a key that comes again is still one
    stream.change_manifest(
        0,
        records=12,
        offset_ranges=[{"topic": "posts", "partition": p, "from_offset": 0, "until_offset": 6} for p in (0, 1)],
    )
    stream.change_manifest(
        1,
        records=0,
        offset_ranges=[{"topic": "posts", "partition": p, "from_offset": 6, "until_offset": 6} for p in (0, 1)],
    )
    run(database, stream, chunk_batches=1)
    run(database, stream)
    assert execute(database.reader, "select records, posts, control, dead, gaps, duplicates from books") == [
        (12, 1, 1, 3, 4, 3)
    ]
    assert execute(
        database.reader, "select topic, partition, record_offset, reason from dead_letter where record_offset = 2"
    ) == [("posts", 1, 2, "truncated or invalid JSON")]
    gaps = execute(
        database.reader, "select source, gap_from, gap_to, why, notes from collection_gap order by notes, source"
    )
    assert gaps[1] == ("x", START, START + timedelta(minutes=5), "connection lost", 1)
    assert gaps[0][:3] == ("", None, None)
    assert gaps[2][3:] == (huge, 2)
    assert execute(database.reader, "select posts, control, dead, gaps from books_by_day") == [(1, 1, 3, 4)]
    assert_books_are_whole(database)


def test_offsets_without_a_record_are_no_duplicates(database: Database, stream: Stream) -> None:
    stream.write([Event(START, START, "post", "x", "en", ""), Event(START, START, "read", "", "", "posts[0]@7 1")])
    stream.change_manifest(0, unread=1)
    run(database, stream)
    assert execute(database.reader, "select records, posts, unread, duplicates from books") == [(2, 1, 1, 0)]
    assert execute(database.reader, "select distinct metric from count_bucket") == [("post",)]


def test_a_gap_event_that_comes_again_has_its_new_count_and_not_the_sum(database: Database, stream: Stream) -> None:
    event = Event(START, START, "gap", "hashtide", "und", '{"source":"x","why":"connection lost"}')
    stream.write([event])
    stream.write([event])
    run(database, stream, chunk_batches=1)
    assert execute(database.reader, "select notes from collection_gap") == [(2,)]


def test_a_slow_count_log_is_read_outside_of_the_transaction(
    database: Database, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SESSION, "idle_in_transaction_session_timeout", "200ms")
    monkeypatch.setattr(compaction, "ATTEMPTS", 1)
    read_files = CountLogReader.files

    def slowly(log: CountLogReader, manifest: Manifest) -> list[tuple[str, bytes]]:
        time.sleep(0.5)
        return read_files(log, manifest)

    monkeypatch.setattr(CountLogReader, "files", slowly)
    stream.write(random_events(random.Random(7), START, 3, TERMS))  # noqa: S311
    run(database, stream)
    assert_exact(database, stream)


def test_each_further_attempt_takes_half_as_many_batches(
    database: Database, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []
    compact_chunk = compaction._compact_chunk

    def failing(settings: CompactSettings, count_log: CountLogReader, todo: range, tally: Compacted) -> int:
        tried.append(len(todo))
        if len(tried) < 3:
            raise CountLogUnavailableError("slow")
        return compact_chunk(settings, count_log, todo, tally)

    monkeypatch.setattr(compaction, "_compact_chunk", failing)
    for _ in range(5):
        stream.write(random_events(random.Random(8), START, 3, TERMS))  # noqa: S311
    run(database, stream, chunk_batches=4)
    assert tried == [4, 2, 1, 4]
    assert_exact(database, stream)


def test_a_batch_that_another_compactor_has_just_written_is_not_written_again(
    database: Database, stream: Stream
) -> None:
    stream.write(random_events(random.Random(9), START, 3, TERMS))  # noqa: S311
    run(database, stream)
    settings = CompactSettings(dsn=database.compactor, generation=stream.generation)
    log = CountLogReader(stream.url, stream.generation)
    assert compaction._compact_chunk(settings, log, range(1), Compacted()) == 0


def test_a_control_message_that_reports_missed_posts_is_a_gap_too(database: Database, stream: Stream) -> None:
    noon, later = START + timedelta(hours=12), START + timedelta(hours=13)
    first = [Event(noon, noon + timedelta(minutes=m), "control", "x", "und", "limit\ttrack=1234") for m in (0, 1)]
    first += [Event(noon, noon, "control", "x", "und", term) for term in ("delete\tx:17", "delete\tx:18", "keep_alive")]
    stream.write([*first, Event(noon, IMPLAUSIBLE, "control", "x", "und", "disconnect\tcode=4")])
    run(database, stream)
    stream.write([first[0], first[-1], Event(later, later, "control", "x", "und", "ConnectionException")])
    run(database, stream)
    assert_exact(database, stream)
    minute = timedelta(minutes=1)
    assert execute(
        database.reader,
        "select source, gap_from, gap_to, why, notes, batch_id from collection_gap order by noted_at, why",
    ) == [
        ("x", None, None, "disconnect: code=4", 0, 0),
        ("x", noon, noon + minute, "limit: track=1234", 0, 0),
        ("x", noon + minute, noon + 2 * minute, "limit: track=1234", 0, 0),
        ("x", later, later + minute, "ConnectionException", 0, 1),
    ]
    assert execute(database.reader, "select control, gaps, duplicates from books") == [(9, 0, 0)]
    assert execute(database.reader, "select sum(messages) from control_message where kind = 'limit'") == [(3,)]
    assert execute(database.reader, "select day::text, control, gaps from books_by_day order by day") == [
        ("1970-01-01", 1, 0),
        ("2026-01-01", 8, 0),
    ]


def test_a_control_message_that_shrinks_is_refused(database: Database, stream: Stream) -> None:
    said = Event(START, START, "control", "x", "und", "delete\tx:17")
    stream.write([said, said])
    run(database, stream)
    stream.events.clear()
    stream.write([said])
    with pytest.raises(RefusedError, match=r"control x und 'delete\\tx:17' .*posts 2 -> 1"):
        run(database, stream)


def test_implausible_times_stay_in_an_hour_and_a_day_of_their_own(database: Database, stream: Stream) -> None:
    stream.write([Event(START, IMPLAUSIBLE, "hashtag", "x", "en", "tag")])
    run(database, stream)
    assert execute(database.reader, "select hour, posts from count_hour") == [(IMPLAUSIBLE, 1)]
    assert execute(database.reader, "select day::text, posts from count_day") == [("1970-01-01", 1)]


def test_two_compactors_at_once_compact_each_batch_once(database: Database, stream: Stream) -> None:
    rng = random.Random(4)  # noqa: S311
    for n in range(40):
        stream.write(random_events(rng, START + timedelta(minutes=n), 5, TERMS))
    with ThreadPoolExecutor(3) as pool:
        outcomes = list(pool.map(lambda _: run(database, stream, chunk_batches=2), range(3)))
    assert {outcome.last_batch for outcome in outcomes} == {39}
    assert_exact(database, stream)


def test_two_generations_at_once_keep_their_own_counts(database: Database, stream: Stream) -> None:
    other = Stream(stream.counts, generation=2)
    execute(database.admin, "insert into generation (generation) values (2)")
    for n in range(10):
        for each in (stream, other):
            each.write(random_events(random.Random(n + each.generation), START + timedelta(hours=5 * n), 9, TERMS))  # noqa: S311
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda each: run(database, each, chunk_batches=1), (stream, other)))
    assert_exact(database, stream)
    assert_exact(database, other)
    assert execute(database.reader, "select generation, is_current from generation order by 1") == [
        (1, True),
        (2, False),
    ]


def test_the_checks_find_what_is_wrong(database: Database, stream: Stream) -> None:
    stream.write(random_events(random.Random(8), START, 5, TERMS))  # noqa: S311
    stream.write([Event(START, START, "control", "x", "und", "limit\ttrack=7")])
    run(database, stream)
    assert_exact(database, stream)
    breaks = {
        "control_is_no_count": "update count_hour set metric = 'control' where metric = 'word'",
        "hours_equal_buckets": "delete from count_bucket where metric = 'hashtag'",
        "days_equal_hours": "update count_day set posts = posts + 1 where metric = 'word'",
        "ledger_is_whole": "update batch_ledger set records = records + 1",
        "books_balance": "update count_day set posts = posts + 1 + (select duplicates from books where generation = 1) "
        "where ctid = (select ctid from count_day where metric = 'post' limit 1)",  # one more than was read
        "said_gaps_are_listed": "delete from collection_gap where notes = 0",
        "spellings_fit_hashtags": "delete from count_hour where metric = 'spelling'",
        "terms_within_posts": "update count_hour set posts = posts + 1000 where metric = 'word'",
    }
    assert sorted(breaks) == [check.stem for check in CHECKS]
    for check in CHECKS:
        connection = psycopg2.connect(database.admin)
        cursor = connection.cursor()
        cursor.execute(breaks[check.stem])
        cursor.execute(check.read_text())
        assert cursor.fetchall(), check.stem
        connection.close()
