"""The steps of a recount. Each may be repeated at any time, and continues where an interrupted one ended."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812

from contract.job import JobFailedError
from contract.topic_log import LogEnd
from recounting.topic import Counted, Held

_SQL = Path(__file__).resolve().parent.parent.parent / "sql" / "recounting"
_REFUSED = "HT001"
BOOKS = ("generation", "records", "posts", "control", "dead", "gaps", "duplicates", "unread")


class Generations(NamedTuple):
    """The generation that reports read, and the newest one."""

    current: int
    newest: int
    is_recount: bool

    def under_way(self, instead_of: int | None) -> bool:
        """Whether a recount was begun, and is not the one to give up."""
        return self.newest > self.current and self.is_recount and self.newest != instead_of


class Wanted(NamedTuple):
    """What a person asked for.

    Attributes:
        topic: its name.
        of_less: count what the topic has, though it no longer has all that was counted before.
        instead_of: give up the recount that began this generation, and begin another one.
    """

    topic: str
    of_less: bool = False
    instead_of: int | None = None


def plan(connection: Connection, wanted: Wanted, topic: Mapping[int, Held]) -> dict[str, Any]:
    """What a recount would do, without doing it.

    Raises:
        JobFailedError: the topic no longer has all that the current generation counted.
    """
    found = _generations(connection)
    under_way = found.under_way(wanted.instead_of)
    lacking = [] if under_way else _lacking(connection, wanted.topic, topic)
    if lacking and not wanted.of_less:
        raise JobFailedError(
            f"the topic no longer has all that generation {found.current} counted: {'; '.join(lacking)}. Generation "
            f"{found.current} stays as it is. To count what the topic has, as the only counts: --of-less; "
            "what the spool still holds can be sent again before, see docs/operations.md (Recount)"
        )
    adopts = found.newest > found.current and found.newest != wanted.instead_of
    return {
        "current": found.current,
        "next": found.newest if adopts else found.newest + 1,
        "under_way": under_way,
        "records": sum(each.end - each.first for each in topic.values()),
        "lacking": lacking,
    }


def counted(connection: Connection) -> Counted:
    """How far the current generation is, and of which topic."""
    rows = _run(connection, "last_batch")
    return Counted(rows[0][0] if rows else "", {partition: LogEnd(until, epoch) for _, partition, until, epoch in rows})


def begin(connection: Connection, wanted: Wanted, topic: Mapping[int, Held]) -> dict[str, Any]:
    """Registers the new generation, with the topic's ends as they are now; or finds the one that is under way.

    Raises:
        JobFailedError: as `plan`.
    """
    planned = plan(connection, wanted, topic)
    ends = json.dumps({str(partition): each.end for partition, each in sorted(topic.items())})
    options = {"topic_ends": ends, "of_less": wanted.of_less, "instead_of": wanted.instead_of}
    ((generation,),) = _run(connection, "begin", **options)
    return {"generation": generation, "previous": planned["current"]}


def progress(connection: Connection, generation: int) -> dict[str, Any]:
    """How far a recount is, by what is compacted."""
    ((counted, wanted, done),) = _run(connection, "progress", generation=generation)
    return {"generation": generation, "counted": counted, "of": wanted, "done": done}


def switch(connection: Connection, generation: int) -> dict[str, Any]:
    """Makes the generation current, in one transaction; no change where it is current.

    Raises:
        JobFailedError: it has not counted what it must.
    """
    try:
        ((previous,),) = _run(connection, "switch", generation=generation)
    except psycopg2.Error as error:
        if error.pgcode != _REFUSED:
            raise
        raise JobFailedError(str(error).splitlines()[0]) from error
    rows = _run(connection, "books", generation=generation, previous=previous)
    return {"current": generation, "previous": previous, "books": [dict(zip(BOOKS, row, strict=True)) for row in rows]}


def _lacking(connection: Connection, topic: str, has: Mapping[int, Held]) -> list[str]:
    """What the current generation counted and the topic no longer has, a phrase for each partition."""
    lacking = []
    for name, partition, first, until in _run(connection, "counted"):
        now, where = has.get(partition), f"{name}[{partition}]"
        if name != topic or now is None:
            lacking.append(f"{where} does not exist")
        elif now.first > first:
            since = f", of {now.since:%Y-%m-%d %H:%M}Z" if now.since else ""
            lacking.append(f"{where} begins at offset {now.first}{since}, counted from {first} on")
        elif now.end < until:
            lacking.append(f"{where} ends at offset {now.end}, counted up to {until}: it was made anew or cut off")
        elif now.same_until is not None and now.same_until < until:
            lacking.append(f"{where} has other records from offset {now.same_until} on, counted up to {until}")
    return lacking


def _generations(connection: Connection) -> Generations:
    ((current, newest, is_recount),) = _run(connection, "generations")
    return Generations(current, newest, is_recount)


@cache
def _statement(name: str) -> str:
    return (_SQL / f"{name}.sql").read_text("utf-8")


def _run(connection: Connection, name: str, **parameters: object) -> list[tuple[Any, ...]]:
    """Runs one statement in a transaction of its own."""
    with connection, connection.cursor() as cursor:
        cursor.execute(_statement(name), parameters)
        return cursor.fetchall()
