"""Connections to Postgres with a limit on every wait, and the errors that are worth a retry."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
import psycopg2.errors
import psycopg2.extensions

Connection = psycopg2.extensions.connection
Cursor = psycopg2.extensions.cursor

# Without this, a compactor whose machine is gone would hold the generation's lock for the two hours that TCP needs to
# notice.
SESSION = {
    "timezone": "UTC",
    "lock_timeout": "300s",
    "statement_timeout": "900s",
    "idle_in_transaction_session_timeout": "600s",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    # Measured (bench/compact.py): sorts stay in memory, and small chunks use indexes instead of scanning tables.
    "work_mem": "64MB",
    "random_page_cost": "1.1",
}
_NEVER_PASS = (psycopg2.errors.LockNotAvailable, psycopg2.errors.QueryCanceled, psycopg2.errors.DiskFull)


@contextmanager
def connect(dsn: str) -> Iterator[Connection]:
    """A connection, closed at the end; begins and ends no transaction.

    Raises:
        psycopg2.OperationalError: no server answers, or it refuses.
    """
    options = " ".join(f"-c {name}={value}" for name, value in SESSION.items())
    given = psycopg2.extensions.parse_dsn(dsn).get("options")
    connection = psycopg2.connect(
        dsn,
        connect_timeout=10,
        keepalives_idle=30,
        keepalives_interval=10,
        keepalives_count=3,
        application_name="hashtide compact",
        options=f"{options} {given}" if given else options,
    )
    try:
        yield connection
    finally:
        connection.close()


def may_pass(error: BaseException) -> bool:
    """Whether the same transaction may succeed on a retry: lost connections, serialisation failures, deadlocks."""
    if isinstance(error, _NEVER_PASS):
        return False
    return isinstance(error, (psycopg2.OperationalError, psycopg2.InterfaceError))
