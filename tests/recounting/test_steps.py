"""A recount in Postgres: registered once, switched in one transaction, never with less than before."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812

from compacting.errors import RefusedError
from contract.job import JobFailedError
from contract.topic_log import LogEnd
from recounting.steps import Wanted, begin, counted, plan, progress, switch
from recounting.topic import Counted, Held
from tests.compacting.running import TERMS, assert_exact, run
from tests.compacting.stream import START, Stream, random_events
from tests.postgres import Database, execute

pytestmark = pytest.mark.postgres
SINCE = datetime(2026, 1, 1, 12, tzinfo=UTC)
USUAL = Wanted("posts")


@pytest.fixture
def stream(tmp_path_factory: pytest.TempPathFactory) -> Stream:
    return Stream(tmp_path_factory.mktemp("log") / "counts")


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    opened = psycopg2.connect(database.compactor)
    yield opened
    opened.close()


def count(database: Database, stream: Stream, batches: int = 2) -> None:
    for n in range(stream.next_batch, stream.next_batch + batches):
        stream.write(random_events(random.Random(n), START + timedelta(hours=5 * n), 9, TERMS))  # noqa: S311
    run(database, stream)


def held(stream: Stream) -> dict[int, Held]:
    """A topic that has exactly what the stream counted."""
    return {0: Held(7, stream.until[0], SINCE), 1: Held(0, stream.until[1], SINCE)}


def current(database: Database) -> list[tuple[object, ...]]:
    return execute(database.reader, "select generation from generation where is_current")


def test_a_recount_becomes_current_when_it_has_counted_up_to_the_ends_at_its_beginning(
    database: Database, connection: Connection, stream: Stream
) -> None:
    count(database, stream)
    planned = plan(connection, USUAL, held(stream))
    records = sum(stream.until.values()) - 7
    assert planned == {"current": 1, "next": 2, "under_way": False, "records": records, "lacking": []}
    assert begin(connection, USUAL, held(stream)) == {"generation": 2, "previous": 1}
    again = Stream(stream.counts, generation=2)
    count(database, again, batches=1)
    assert not progress(connection, 2)["done"]
    with pytest.raises(JobFailedError, match=r"generation 2 has counted too little .*: partition 0 up to"):
        switch(connection, 2)
    assert current(database) == [(1,)]
    count(database, Stream(stream.counts, 2, events=again.events, next_batch=1, until=again.until), batches=1)
    assert progress(connection, 2)["done"]
    done = switch(connection, 2)
    assert (done["previous"], done["current"]) == (1, 2)
    assert [each["records"] for each in done["books"]] == [records, records]
    assert current(database) == [(2,)]
    assert_exact(database, again)


def test_each_step_may_be_repeated(database: Database, connection: Connection, stream: Stream) -> None:
    count(database, stream)
    first = begin(connection, USUAL, held(stream))
    assert begin(connection, USUAL, held(stream)) == first
    assert plan(connection, USUAL, held(stream))["under_way"]
    count(database, Stream(stream.counts, generation=2))
    switch(connection, 2)
    assert switch(connection, 2)["current"] == 2
    assert execute(database.reader, "select generation, is_current from generation order by 1") == [
        (1, False),
        (2, True),
    ]


def test_a_recount_is_under_way_whatever_the_topic_has_lost_since(
    database: Database, connection: Connection, stream: Stream
) -> None:
    count(database, stream)
    begin(connection, USUAL, held(stream))
    lost = {0: Held(20, stream.until[0], SINCE), 1: Held(0, stream.until[1], SINCE)}
    assert begin(connection, USUAL, lost)["generation"] == 2


@pytest.mark.parametrize(
    ("topic", "why"),
    [
        (
            {0: Held(8, 99, SINCE), 1: Held(0, 99, None)},
            r"posts\[0\] begins at offset 8, of 2026-01-01 12:00Z, ",
        ),
        (
            {0: Held(7, 99, SINCE), 1: Held(0, 1, SINCE)},
            r"posts\[1\] ends at offset 1, counted up to [0-9]+: it was",
        ),
        ({0: Held(7, 99, SINCE, 8), 1: Held(0, 99, SINCE)}, r"posts\[0\] has other records from offset 8 on, counted"),
        ({0: Held(7, 99, SINCE)}, r"posts\[1\] does not exist"),
    ],
)
def test_a_topic_that_lacks_what_was_counted_is_refused_with_the_way_out(
    database: Database, connection: Connection, stream: Stream, topic: dict[int, Held], why: str
) -> None:
    count(database, stream)
    for step in (plan, begin):
        with pytest.raises(JobFailedError, match=rf"no longer has all that generation 1 counted: {why}.*--of-less"):
            step(connection, USUAL, topic)
    assert execute(database.reader, "select count(*) from generation") == [(1,)]


def test_what_was_counted_is_known_by_topic_id_and_leader_epochs(
    database: Database, connection: Connection, stream: Stream
) -> None:
    assert counted(connection) == Counted("", {})
    count(database, stream, batches=1)
    assert counted(connection) == Counted("", {each: LogEnd(end, None) for each, end in stream.until.items()})
    ranges = [{"partition": 0, "until_offset": 9, "leader_epoch": 4}]
    manifest = json.dumps({"topic_id": "abc", "offset_ranges": ranges})
    execute(database.admin, "update batch_ledger set manifest = %s", manifest)
    assert counted(connection) == Counted("abc", {0: LogEnd(9, 4)})


def test_less_becomes_current_only_where_a_person_has_said_so(
    database: Database, connection: Connection, stream: Stream
) -> None:
    count(database, stream)
    less = {0: Held(0, 0, None), 1: Held(0, stream.until[1], SINCE)}
    begin(connection, Wanted("posts", of_less=True), less)
    count(database, Stream(stream.counts, generation=2, until={0: 0, 1: 0}), batches=1)
    assert switch(connection, 2)["current"] == 2


def test_less_than_before_does_not_become_current_though_the_ends_are_reached(
    database: Database, connection: Connection, stream: Stream
) -> None:
    count(database, stream)
    begin(connection, USUAL, held(stream))
    # It began late: its first offset is behind the one that was counted.
    count(database, Stream(stream.counts, generation=2, until=dict(stream.until)))
    with pytest.raises(JobFailedError, match=r"posts\[0\] from [0-9]+ to [0-9]+, generation 1 from 7 to"):
        switch(connection, 2)
    assert current(database) == [(1,)]


def test_a_broken_recount_is_given_up_for_another_one(
    database: Database, connection: Connection, stream: Stream
) -> None:
    count(database, stream)
    begin(connection, USUAL, held(stream))
    instead = Wanted("posts", instead_of=2)
    assert begin(connection, instead, held(stream))["generation"] == 3
    assert begin(connection, instead, held(stream))["generation"] == 3


def test_a_generation_begun_by_hand_is_taken_over(database: Database, connection: Connection, stream: Stream) -> None:
    count(database, stream)
    execute(database.admin, "insert into generation (generation) values (2)")
    assert begin(connection, USUAL, held(stream))["generation"] == 2
    count(database, Stream(stream.counts, generation=2))
    assert switch(connection, 2)["current"] == 2


def test_an_older_generation_never_becomes_current_again(
    database: Database, connection: Connection, stream: Stream
) -> None:
    count(database, stream)
    begin(connection, USUAL, held(stream))
    count(database, Stream(stream.counts, generation=2))
    switch(connection, 2)
    with pytest.raises(JobFailedError, match="generation 1 was not begun by a recount after generation 2"):
        switch(connection, 1)
    begin(connection, USUAL, held(stream))
    count(database, Stream(stream.counts, generation=3))
    switch(connection, 3)
    with pytest.raises(JobFailedError, match="generation 2 was not begun by a recount after generation 3"):
        switch(connection, 2)


@pytest.mark.parametrize(("generation", "why"), [(7, "was never begun"), (1, "is over, reports read 2")])
def test_a_wrong_generation_is_not_compacted(
    database: Database, connection: Connection, stream: Stream, generation: int, why: str
) -> None:
    count(database, stream)
    begin(connection, USUAL, held(stream))
    count(database, Stream(stream.counts, generation=2))
    switch(connection, 2)
    wrong = Stream(stream.counts.parent / "other", generation=generation)
    with pytest.raises(RefusedError, match=rf"generation {generation} {why}: set the Airflow variable .* to 2"):
        count(database, wrong)
