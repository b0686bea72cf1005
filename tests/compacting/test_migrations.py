"""Migrations against a real Postgres."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest

from compacting.migrations import Migration, MigrationError, migrate, pending, read_migrations
from tests.compacting.running import assert_books_are_whole
from tests.postgres import SCHEMA, Database, execute

REPO = SCHEMA.parent.parent
ADD_REPORT = """insert into report (day, top_n, revision, html, csv, sha256, generation, batch_id)
                values ('2026-01-01', 1, 1, '', '', '', 1, 0)"""
FIRST, SECOND = Migration("0001_a.sql", "aa", "select 1"), Migration("0002_b.sql", "bb", "select 1")
TALLIES = "select records, posts, control, dead, gaps, duplicates from books"
BY_DAY = "select day, posts, control from books_by_day order by day"
# Two batches of an older Hashtide, in whose counts control messages stood; the minutes of 1 January are no longer kept.
OLD_STACK = (
    """insert into batch_ledger (generation, batch_id, processed_at, records, rows, manifest)
       values (1, 0, '2026-01-01Z', 15, 0, '{}'), (1, 1, '2026-01-31 12:00Z', 25, 0, '{}')""",
    """insert into offset_range (generation, batch_id, topic, partition, previous_batch_id, from_offset, until_offset)
       values (1, 0, 'posts', 0, null, 0, 15), (1, 1, 'posts', 0, 0, 15, 40)""",
    "update generation set last_batch_id = 1, buckets_since = '2026-01-30'",
    "select make_bucket_partition('2026-01-31')",
    """insert into count_bucket values
       (1, '2026-01-31 12:00Z', '2026-01-31 11:58Z', 'post', 'x', 'en', '', 8, 0),
       (1, '2026-01-31 12:00Z', '2026-01-31 11:58Z', 'control', 'x', 'und', 'delete', 4, 0),
       (1, '2026-01-31 12:10Z', '2026-01-31 11:58Z', 'control', 'x', 'und', 'delete', 5, 0),
       (1, '2026-01-31 12:00Z', '2026-01-31 11:58Z', 'control', 'x', 'und', 'limit', 1, 0)""",
    """insert into count_day values
       (1, '2026-01-01', 'control', 'x', 'und', 'delete', 7, 0),
       (1, '2026-01-31', 'control', 'x', 'und', 'delete', 10, 0),
       (1, '2026-01-31', 'control', 'x', 'und', 'limit', 1, 0),
       (1, '2026-01-31', 'post', 'x', 'en', '', 8, 0)""",
    """insert into count_hour values
       (1, '2026-01-01Z', 'control', 'x', 'und', 'delete', 7, 0),
       (1, '2026-01-31Z', 'control', 'x', 'und', 'delete', 1, 0),
       (1, '2026-01-31 11:00Z', 'control', 'x', 'und', 'delete', 9, 0),
       (1, '2026-01-31 11:00Z', 'control', 'x', 'und', 'limit', 1, 0),
       (1, '2026-01-31 11:00Z', 'post', 'x', 'en', '', 8, 0)""",
)


def test_only_new_files_are_pending() -> None:
    assert pending([FIRST, SECOND], {"0001_a.sql": "aa"}) == [SECOND]


def test_a_changed_file_is_refused_by_name() -> None:
    with pytest.raises(MigrationError, match=r"0001_a\.sql was changed"):
        pending([FIRST, SECOND], {"0001_a.sql": "other"})


def test_a_database_newer_than_the_files_is_refused() -> None:
    with pytest.raises(MigrationError, match=r"0002_b\.sql was applied.* gone"):
        pending([FIRST], {"0001_a.sql": "aa", "0002_b.sql": "bb"})


def test_a_new_file_before_an_applied_one_is_refused() -> None:
    with pytest.raises(MigrationError, match=r"0001_a\.sql is new but comes before"):
        pending([FIRST, SECOND], {"0002_b.sql": "bb"})


@pytest.mark.parametrize("names", [[], ["a.sql"], ["0001_a.sql", "0001_b.sql"]])
def test_a_folder_without_a_clear_order_is_refused(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("select 1")
    with pytest.raises(MigrationError, match="four digits"):
        read_migrations(tmp_path)


@pytest.mark.postgres
def test_the_schema_goes_in_once_with_generation_1_current(empty_database: Database) -> None:
    migrations = read_migrations(SCHEMA)
    assert migrate(empty_database.migrator, migrations) == [migration.name for migration in migrations]
    assert migrate(empty_database.migrator, migrations) == []
    assert execute(empty_database.reader, "select generation, is_current, last_batch_id from generation") == [
        (1, True, None)
    ]
    assert execute(empty_database.reader, "select records, duplicates, last_batch from books") == [(0, 0, None)]


@pytest.mark.postgres
def test_two_migrators_at_once_apply_it_once(empty_database: Database) -> None:
    migrations = read_migrations(SCHEMA)
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: migrate(empty_database.migrator, migrations), range(2)))
    assert sorted(map(len, done)) == [0, len(migrations)]


@pytest.mark.postgres
def test_a_file_that_fails_leaves_nothing_behind(empty_database: Database) -> None:
    bad = [Migration("0001_a.sql", "aa", "create table t ()"), replace(SECOND, sql="create nonsense")]
    with pytest.raises(MigrationError, match=r"0002_b\.sql: .*syntax error"):
        migrate(empty_database.migrator, bad)
    assert execute(
        empty_database.admin, "select count(*) from pg_class where relname in ('t', 'schema_migration')"
    ) == [(0,)]


@pytest.mark.postgres
def test_every_table_and_column_has_a_comment(database: Database) -> None:
    bare = execute(
        database.reader,
        """select c.relname, a.attname from pg_class c
           left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
           where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v')
             and (col_description(c.oid, a.attnum) is null
                  or obj_description(c.oid, 'pg_class') is null)""",
    )
    assert bare == []


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("role", "statement"),
    [
        (
            "reader",
            ADD_REPORT,
        ),
        ("reader", "create table mine ()"),
        ("reader", "select make_bucket_partition('2026-01-01')"),
        ("reporter", "delete from report"),
        ("reporter", "insert into generation (generation) values (2)"),
        ("compactor", "delete from batch_ledger"),
        ("compactor", "update generation set is_current = false"),
        ("compactor", "insert into generation (generation) values (2)"),
        ("reporter", "select switch_generation(2)"),
        ("reader", "select begin_recount('{}', false, null)"),
        ("compactor", "create table mine ()"),
        (
            "compactor",
            ADD_REPORT,
        ),
    ],
)
def test_a_role_is_refused_what_is_not_its_work(database: Database, role: str, statement: str) -> None:
    with pytest.raises((psycopg2.errors.InsufficientPrivilege, psycopg2.errors.ReadOnlySqlTransaction)):
        execute(getattr(database, role), statement)


@pytest.mark.postgres
def test_partitions_come_and_go_by_day_of_arrival(database: Database) -> None:
    made = [
        execute(database.compactor, f"select make_bucket_partition('{day}')")
        for day in ("2026-01-01", "2026-01-01", "2026-01-02")
    ]
    assert made == [[(True,)], [(False,)], [(True,)]]
    row = "insert into count_bucket values (1, %s, '2016-05-05 00:00Z', 'hashtag', 'x', 'en', 'a', 2, 1)"
    execute(database.compactor, row, "2026-01-02 23:50Z")
    with pytest.raises(psycopg2.errors.CheckViolation, match="no partition"):
        execute(database.compactor, row, "2026-01-03 00:00Z")
    assert execute(database.compactor, "select drop_bucket_partitions('2026-01-02')") == [("count_bucket_20260101",)]
    assert execute(database.reader, "select posts from count_bucket") == [(2,)]
    assert execute(database.reader, "select buckets_since::text from generation") == [("2026-01-02",)]


@pytest.mark.postgres
def test_control_messages_counted_before_they_had_a_table_stay_in_the_books(empty_database: Database) -> None:
    migrations = read_migrations(SCHEMA)
    migrate(empty_database.migrator, [each for each in migrations if each.name < "0007"])
    for statement in OLD_STACK:
        execute(empty_database.admin, statement)
    before = execute(empty_database.reader, TALLIES), execute(empty_database.reader, BY_DAY)
    assert before[0] == [(40, 8, 18, 0, 0, 14)]
    migrate(empty_database.migrator, migrations)
    assert execute(empty_database.reader, TALLIES) == before[0]
    assert execute(empty_database.reader, BY_DAY) == before[1]
    assert execute(
        empty_database.reader,
        "select arrival at time zone 'UTC' || '', bucket at time zone 'UTC' || '', source, kind, about, messages,"
        " batch_id from control_message order by 1, 2, 4",
    ) == [
        ("1970-01-01 00:00:00", "2026-01-01 00:00:00", "x", "delete", "", 7, 1),  # its minutes were dropped
        ("1970-01-01 00:00:00", "2026-01-31 00:00:00", "x", "delete", "", 1, 1),
        ("2026-01-31 12:00:00", "2026-01-31 11:58:00", "x", "delete", "", 4, 1),
        ("2026-01-31 12:00:00", "2026-01-31 11:58:00", "x", "limit", "", 1, 1),
        ("2026-01-31 12:10:00", "2026-01-31 11:58:00", "x", "delete", "", 5, 1),
    ]
    assert execute(empty_database.reader, "select why, notes from collection_gap") == [("limit", 0)]
    assert_books_are_whole(empty_database)


@pytest.mark.postgres
def test_the_job_says_what_it_did_in_one_json_line(empty_database: Database) -> None:
    command = [sys.executable, str(REPO / "jobs" / "migrate.py")]
    environment = {**os.environ, "HASHTIDE_MIGRATOR_DSN": empty_database.migrator}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    said = json.loads(done.stdout.splitlines()[-1])
    assert len(said["applied"]) == said["migrations"] >= 5
    del environment["HASHTIDE_MIGRATOR_DSN"]
    refused = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "HASHTIDE_MIGRATOR_DSN" in refused.stderr
