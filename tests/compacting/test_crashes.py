"""Whatever dies in the middle, the next run ends with the same counts."""

import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg2
import pytest

from compacting.migrations import migrate, read_migrations
from tests.compacting.running import TERMS, assert_exact, run
from tests.compacting.stream import START, Stream, random_events
from tests.postgres import SCHEMA, Database, execute, start_again, start_postgres, stop_postgres

pytestmark = pytest.mark.postgres

COMPACT = SCHEMA.parent.parent / "jobs" / "compact.py"
LIMIT_S = 30
BACKEND = "from pg_stat_activity where application_name = 'hashtide compact' and datname = current_database()"


def fill(stream: Stream, batches: int = 6) -> None:
    rng = random.Random(11)  # noqa: S311
    for n in range(batches):
        stream.write(random_events(rng, START + timedelta(minutes=n), 30, TERMS))


def wait_until(true: Callable[[], bool]) -> None:
    limit = time.monotonic() + LIMIT_S
    while not true():
        assert time.monotonic() < limit
        time.sleep(0.02)


@contextmanager
def held_before(table: str, database: Database) -> Iterator[Callable[[], None]]:
    """Nobody can write the table while this holds; what is yielded waits until a compactor stands before it."""
    with closing(psycopg2.connect(database.admin)) as holder:
        holder.cursor().execute(f"lock table {table} in exclusive mode")
        waiting = f"select count(*) {BACKEND} and wait_event_type = 'Lock'"
        yield lambda: wait_until(lambda: execute(database.admin, waiting) == [(1,)])


def terminate(database: Database) -> None:
    execute(database.admin, f"select pg_terminate_backend(pid) {BACKEND}")


@pytest.mark.parametrize("table", ["count_hour", "count_day", "dead_letter", "offset_range"])
def test_a_lost_connection_is_tried_again_in_the_same_run(database: Database, stream: Stream, table: str) -> None:
    fill(stream)
    with ThreadPoolExecutor(1) as pool:
        with held_before(table, database) as wait:
            running = pool.submit(run, database, stream, chunk_batches=2)
            wait()
            terminate(database)
        assert running.result(LIMIT_S).batches == 6
    assert_exact(database, stream)


@pytest.mark.parametrize("table", ["batch_ledger", "count_hour", "count_day"])
def test_kill_9_in_the_middle_leaves_nothing_and_the_next_run_does_it(
    database: Database, stream: Stream, table: str
) -> None:
    fill(stream)
    command = [sys.executable, str(COMPACT), "--count-log", stream.url]
    with held_before(table, database) as wait:
        process = subprocess.Popen(command, env={**os.environ, "HASHTIDE_COMPACTOR_DSN": database.compactor})
        wait()
        process.send_signal(signal.SIGKILL)
        process.wait(LIMIT_S)
    wait_until(lambda: execute(database.admin, f"select count(*) {BACKEND}") == [(0,)])
    assert execute(database.reader, "select last_batch_id, (select count(*) from count_bucket) from generation") == [
        (None, 0)
    ]
    assert run(database, stream).batches == 6
    assert_exact(database, stream)


def test_a_commit_whose_answer_is_lost_is_found_in_the_ledger(
    database: Database, stream: Stream, caplog: pytest.LogCaptureFixture
) -> None:
    """A standby that never answers holds the commit back after it is done here: then the connection dies."""
    caplog.set_level(logging.INFO)
    fill(stream)
    admin = psycopg2.connect(f"{database.admin} options='-c synchronous_commit=local'")
    admin.autocommit, done = True, threading.Event()
    with closing(admin), ThreadPoolExecutor(2) as pool:
        cursor = admin.cursor()
        cursor.execute("alter system set synchronous_standby_names = 'nobody'")
        try:
            with held_before("count_day", database) as wait:
                running = pool.submit(run, database, stream)
                wait()
                cursor.execute("select pg_reload_conf()")
                pool.submit(
                    _commit_until, done, database
                )  # until one hangs: the server takes its time to hear of the standby
                wait_until(lambda: _waits_for_the_standby(cursor, ""))
            wait_until(lambda: _waits_for_the_standby(cursor, "hashtide compact"))
        finally:
            done.set()
            cursor.execute("alter system reset synchronous_standby_names")
            cursor.execute(f"select pg_terminate_backend(pid, 10000) {BACKEND}")  # gone before the standby is
            cursor.execute("select pg_reload_conf()")
        outcome = running.result(LIMIT_S)
    assert (outcome.batches, outcome.last_batch) == (6, 5)
    assert "batches up to 5 are compacted already" in caplog.text
    assert_exact(database, stream)


def _commit_until(done: threading.Event, database: Database) -> None:
    while not done.is_set():
        execute(database.admin, "comment on table report is 'a commit'")


def _waits_for_the_standby(cursor: "psycopg2.extensions.cursor", application: str) -> bool:
    cursor.execute(
        """select 1 from pg_stat_activity
           where application_name = %s and datname = current_database() and wait_event = 'SyncRep'""",
        (application,),
    )
    return cursor.fetchone() is not None


def test_a_server_that_goes_down_and_comes_back_is_waited_for(stream: Stream) -> None:
    fill(stream)
    home = Path(tempfile.mkdtemp(prefix="hashtide-pg-"))
    server = start_postgres(home)
    try:
        database = Database(server, "postgres")
        for role in ("hashtide_compactor", "hashtide_reader"):
            execute(database.admin, f"create role {role} login")
        migrate(database.admin, read_migrations(SCHEMA))
        with ThreadPoolExecutor(1) as pool:
            with held_before("count_day", database) as wait:
                running = pool.submit(run, database, stream)
                wait()
                stop_postgres(server)
            start_again(server)
            assert running.result(LIMIT_S).batches == 6
        assert_exact(database, stream)
    finally:
        stop_postgres(server)
        shutil.rmtree(home)
