"""The queries, on a real Postgres with known rows."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest

from contract.job_requests import ReportRequest
from reporting.day_rows import Arrivals, Collected, ControlCount, DayBooks, Gap, LedgerPosition, PostCount, RecordTally
from reporting.errors import ReportError
from reporting.load import connect, read_day
from reporting.ranking import Rank, TermCount
from tests.postgres import Database, execute
from tests.reporting.samples import DAY, END, START, at, hours
from tests.reporting.seeding import EPOCH, Books, seed

pytestmark = pytest.mark.postgres

REQUEST = ReportRequest(day=DAY)
BEGAN = START - timedelta(hours=2)
LAST = END + timedelta(minutes=3)


def read(database: Database, request: ReportRequest = REQUEST) -> DayBooks:
    connection = connect(database.reporter)
    try:
        return read_day(connection, request)
    finally:
        connection.close()


def ledger(records: int = 1000) -> Books:
    return Books(batches=[(0, BEGAN, 5), (1, at("12:00"), records), (2, LAST, 7)])


def test_a_fresh_database_is_read_as_nothing(database: Database) -> None:
    books = read(database)
    assert books.position == LedgerPosition(1, None, None, None, None)
    assert (books.posts, books.hashtags, books.words, books.gaps, books.dead) == ((), (), (), (), ())
    assert books.since_start == books.read == RecordTally()
    assert books.previous is None


def test_the_position_is_the_last_batch_of_the_current_generation(database: Database) -> None:
    seed(database.migrator, ledger(), code_version="1.2.3")
    assert read(database).position == LedgerPosition(1, 2, LAST, BEGAN, "1.2.3")


def test_what_was_collected_lasts_until_the_next_note(database: Database) -> None:
    execute(
        database.compactor,
        "insert into collected values (%s, array['mastodon', 'x']), (%s, array['simulator'])",
        at("12:00"),
        BEGAN,
    )
    assert read(database).collected == (
        Collected(BEGAN, at("12:00"), ("simulator",)),
        Collected(at("12:00"), None, ("mastodon", "x")),
    )


def test_no_current_generation_is_an_error_that_says_so(database: Database) -> None:
    execute(database.migrator, "update generation set is_current = false")
    with pytest.raises(ReportError, match="no generation is current"):
        read(database)


def test_only_the_current_generation_is_read(database: Database) -> None:
    untouched = read(database)
    books = ledger()
    for when in (at("09:00"), at("09:00") - timedelta(days=1)):
        for metric, term in (("post", ""), ("hashtag", "tide"), ("spelling", "tide\tTide"), ("word", "the")):
            books.count(metric, when, term, posts=4)
        books.say(when, "delete")
    books.dead = [(at("12:00"), "missing id")]
    books.gaps = [(at("12:00"), "x", at("11:00"), at("11:30"), "lost")]
    seed(database.migrator, books)
    execute(database.migrator, "update generation set is_current = false")
    execute(database.migrator, "insert into generation (generation, is_current) values (2, true)")
    assert read(database) == replace(untouched, position=LedgerPosition(2, None, None, None, None))


def test_posts_are_those_of_the_utc_day_to_the_minute(database: Database) -> None:
    books = ledger()
    for bucket in (START - timedelta(minutes=1), START, END - timedelta(minutes=1), END):
        books.count("post", bucket, posts=2, reposts=1)
    books.count("post", at("09:00"), posts=3, source="text", lang="und")
    seed(database.migrator, books)
    found = read(database)
    assert found.posts == (PostCount("text", "und", 3, 0), PostCount("x", "en", 4, 2))
    assert found.all_hours == found.post_hours == hours(h0=2, h9=3, h23=2)
    assert found.hours_are_kept


def test_hashtags_are_summed_over_sources_and_languages_and_cut_after_the_top(database: Database) -> None:
    books = ledger()
    for lang, source, posts in (("en", "x", 4), ("ja", "x", 2), ("en", "text", 1)):
        books.count("hashtag", at("09:05"), "tide", posts=posts, reposts=1, lang=lang, source=source)
    for term, posts in (("b", 3), ("a", 3), ("é", 3), ("Z", 3), ("few", 1)):
        books.count("hashtag", at("10:00"), term, posts=posts)
    seed(database.migrator, books)
    found = read(database, ReportRequest(day=DAY, top=4))
    assert found.hashtags == (
        TermCount("tide", 7, 3),
        TermCount("Z", 3, 0),
        TermCount("a", 3, 0),
        TermCount("b", 3, 0),
    )
    assert found.distinct_hashtags == 6
    assert found.hashtag_hours["tide"] == hours(h9=7)


def test_of_many_equal_ones_the_first_by_code_point_are_read(database: Database) -> None:
    books, terms = ledger(), [f"tag{number:03}" for number in range(500)]
    for term in random.Random(5).sample(terms, len(terms)):  # noqa: S311  a seeded order, no secret
        books.count("hashtag", at("10:00"), term, lang=("en", "ja")[int(term[-1]) % 2])
    seed(database.migrator, books)
    execute(database.admin, "analyze")  # now the planner groups by hash, in no order at all
    assert [count.term for count in read(database, ReportRequest(day=DAY, top=10)).hashtags] == terms[:10]


def test_a_selection_counts_only_what_was_asked_for(database: Database) -> None:
    books = ledger()
    for lang, source, posts in (("en", "x", 4), ("ja", "x", 2), ("en", "text", 1)):
        for metric, term in (("hashtag", "tide"), ("word", "the"), ("post", "")):
            books.count(metric, at("09:00"), term, posts=posts, lang=lang, source=source)
            books.count(metric, at("09:00") - timedelta(days=1), term, posts=posts * 10, lang=lang, source=source)
    seed(database.migrator, books)
    by_source = read(database, ReportRequest(day=DAY, source="x"))
    assert (by_source.hashtags, by_source.words) == ((TermCount("tide", 6, 0),), (TermCount("the", 6, 0),))
    assert by_source.previous == {"tide": Rank(1, 60)}
    assert by_source.hashtag_hours["tide"] == hours(h9=6)
    both = read(database, ReportRequest(day=DAY, source="x", lang="ja"))
    assert (both.hashtags[0].posts, both.post_hours, both.hashtag_hours["tide"]) == (2, hours(h9=2), hours(h9=2))
    assert (both.every_post, both.all_hours) == (7, hours(h9=7))
    assert read(database, ReportRequest(day=DAY, source="mastodon")).previous is None


def test_places_of_the_day_before_are_among_all_of_its_hashtags(database: Database) -> None:
    books, before = ledger(), at("09:00") - timedelta(days=1)
    books.count("post", before, posts=50)
    for term, posts in (("gone", 9), ("tied", 5), ("tide", 5), ("last", 1)):
        books.count("hashtag", before, term, posts=posts)
    for term in ("tied", "tide", "last", "fresh"):
        books.count("hashtag", at("09:00"), term)
    seed(database.migrator, books)
    assert read(database).previous == {"tide": Rank(2, 5), "tied": Rank(2, 5), "last": Rank(4, 1)}


def test_late_is_more_than_ten_minutes_from_its_minute_to_the_start_of_its_arrival(database: Database) -> None:
    books = ledger()
    books.count("post", at("09:00"), posts=1, arrival=at("09:00"))
    books.count("post", at("09:00"), posts=2, arrival=at("09:10"))
    books.count("post", at("08:59"), posts=4, arrival=at("09:10"))
    books.count("post", at("23:59"), posts=8, arrival=END)
    books.count("post", at("12:00"), posts=16, arrival=END + timedelta(days=2))
    seed(database.migrator, books)
    last = END + timedelta(days=2)
    assert read(database).arrivals == Arrivals(known=31, late=4 + 16, after_the_day=8 + 16, last=last)


def test_the_books_cover_the_day_and_everything_since_the_beginning(database: Database) -> None:
    books = ledger(records=30)
    books.count("post", at("09:00"), posts=10)
    books.count("post", at("09:00") - timedelta(days=3), posts=5, arrival=at("12:00"))
    books.count("post", EPOCH, posts=2, arrival=at("12:00"))
    books.count("post", at("23:59"), posts=4, arrival=END)
    books.say(at("10:00"), "delete", "x:17", 2)
    books.say(at("11:00"), "delete", "x:18")
    books.say(at("11:00"), "like", source="jetstream")
    books.say(at("11:00") - timedelta(days=1), "delete", messages=5)
    books.dead = [(at("12:00"), "missing id"), (at("23:50"), "missing id"), (END, "invalid UTF-8")]
    books.gaps = [(at("12:00"), "x", at("11:00"), at("11:30"), "lost")]
    seed(database.migrator, books)
    found = read(database)
    assert found.read == RecordTally(records=30, posts=17, control=4, dead=2, gaps=1, implausible=2)
    assert found.read.duplicates == 30 - 17 - 4 - 2 - 1
    assert found.since_start == RecordTally(records=42, posts=21, control=9, dead=3, gaps=1, implausible=2)
    assert found.dead == (("missing id", 2),)
    assert found.control == (ControlCount("x", "delete", 3), ControlCount("jetstream", "like", 1))


def test_what_was_read_on_a_day_is_not_made_up_when_its_minutes_are_gone(database: Database) -> None:
    books = ledger()
    books.count("post", at("09:00"), posts=10)
    seed(database.migrator, books)
    execute(database.migrator, "select drop_bucket_partitions(%s)", END.date())
    found = read(database)
    assert found.read is None
    assert found.arrivals.known == 0
    assert found.every_post == 10


def test_gaps_are_those_that_touch_the_day(database: Database) -> None:
    books, hour = ledger(), timedelta(hours=1)
    books.gaps = [
        (START, "ends as it begins", START - hour, START, ""),
        (at("00:10"), "reaches in", START - hour, at("00:10"), ""),
        (at("11:00"), "no time", None, None, ""),
        (at("12:00"), "lasts", at("11:30"), None, ""),
        (END + hour, "reaches out", at("23:00"), END + hour, ""),
        (END + hour, "after", END, END + hour, ""),
        (END + hour, "no time, after", None, None, ""),
        (END + hour, "a moment", at("12:30"), at("12:30"), ""),
    ]
    seed(database.migrator, books)
    found = read(database).gaps
    assert [gap.source for gap in found] == ["reaches in", "no time", "lasts", "a moment", "reaches out"]
    assert found[2] == Gap("lasts", at("11:30"), None, at("12:00"), "")


def test_what_control_messages_say_minute_by_minute_is_one_gap(database: Database) -> None:
    seed(database.migrator, ledger())
    for minute, track in ((0, 5), (1, 9), (1, 12), (9, 2)):
        about = f'{{"source":"x","control":"limit","about":"track={track}"}}'
        begins = at("10:00") + timedelta(minutes=minute)
        execute(
            database.migrator,
            "insert into collection_gap (generation, batch_id, arrival, noted_at, source, gap_from, gap_to, why, notes,"
            " note) values (1, 0, %s, %s, 'x', %s, %s, %s, 0, %s)",
            *(at("10:00"), begins, begins, begins + timedelta(minutes=1), f"limit: track={track}", about),
        )
    found = read(database)
    assert found.gaps == (
        Gap("x", at("10:00"), at("10:02"), at("10:01"), "limit: track=9", "limit", 3),
        Gap("x", at("10:09"), at("10:10"), at("10:09"), "limit: track=2", "limit"),
    )
    assert (found.since_start.gaps, found.read and found.read.gaps) == (0, 0)


def test_a_hashtag_is_shown_as_most_of_those_asked_for_spell_it(database: Database) -> None:
    books = ledger()
    for source, spelled in (("x", {"Tide": 3, "TIDE": 2, "tide": 3}), ("jetstream", {"TIDE": 2, "tide": 1})):
        books.count("hashtag", at("09:00"), "tide", posts=8, source=source)
        for spelling, posts in spelled.items():
            books.count("spelling", at("09:00"), f"tide\t{spelling}", posts=posts, source=source)
    books.count("spelling", at("09:00") - timedelta(days=1), "tide\tyesterday", posts=99)
    books.count("spelling", at("09:00"), "tides\tTIDES", posts=99)
    books.count("hashtag", at("09:00"), "old", posts=1)
    seed(database.migrator, books)
    assert read(database).spellings == {"tide": "TIDE"}  # of equals (4 each) the first by bytes
    assert read(database, REQUEST.model_copy(update={"source": "x"})).spellings == {"tide": "Tide"}
    assert read(database, REQUEST.model_copy(update={"lang": "ja"})).spellings == {}


def test_times_come_in_utc_even_where_the_role_is_set_to_another_zone(database: Database) -> None:
    books = ledger()
    books.count("post", at("00:00"), posts=1)
    books.count("hashtag", at("00:00"), "tide")
    seed(database.migrator, books)
    plain = read(database)
    execute(database.admin, f"alter database {database.name} set timezone = 'Asia/Kolkata'")
    assert read(database) == plain
    assert plain.position.processed_at is not None
    assert plain.position.processed_at.tzinfo is UTC


def test_a_compaction_that_commits_meanwhile_is_not_seen_in_part(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    books = ledger()
    books.count("post", at("09:00"), posts=10)
    seed(database.migrator, books)
    import reporting.load as reading

    plain, disturbed = reading.read, []

    def disturbing(db: "psycopg2.extensions.connection", statement: str, parameters: dict[str, object]) -> object:
        rows = plain(db, statement, parameters)
        if statement == "position":
            execute(database.migrator, "update count_day set posts = 999")
            disturbed.append(statement)
        return rows

    monkeypatch.setattr(reading, "read", disturbing)
    assert read(database).every_post == 10
    assert disturbed


def test_terms_are_parameters_and_never_sql(database: Database) -> None:
    books, term = ledger(), "'); drop table report; --%s%(day)s"
    books.count("hashtag", at("09:00"), term, posts=3)
    seed(database.migrator, books)
    assert read(database).hashtags == (TermCount(term, 3, 0),)


def test_a_day_far_away_is_read_as_empty(database: Database) -> None:
    seed(database.migrator, ledger())
    far = ReportRequest(day=datetime(9998, 12, 31, tzinfo=UTC).date())
    assert read(database, far).every_post == 0
    assert read(database, ReportRequest(day=EPOCH.date())).every_post == 0


@pytest.mark.parametrize("dsn", ["no dsn, but a secret", "host=/nowhere dbname=x password=secret"])
def test_a_connection_that_fails_says_why_without_the_secret(dsn: str) -> None:
    with pytest.raises(ReportError) as failed:
        connect(dsn)
    assert "secret" not in str(failed.value)
    assert "\n" not in str(failed.value)
