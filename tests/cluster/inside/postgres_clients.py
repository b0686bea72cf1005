"""Inside a one-off container of `setup`, which has every role's password: clients that Postgres must refuse.

    python -m tests.cluster.inside.postgres_clients

Prints a JSON object: who tried what → `yes`, or the first line of why not.
"""

import json
import secrets
import sys
from contextlib import closing

import psycopg2
from psycopg2.extensions import make_dsn, parse_dsn

from stack.cluster.layout import deployment

ROLES = ("hashtide_migrator", "hashtide_compactor", "hashtide_reporter", "hashtide_reader", "hashtide_airflow")


def comes_in(dsn: str, sql: str = "select 1") -> str:
    """Whether a query is answered."""
    try:
        with closing(psycopg2.connect(dsn, connect_timeout=10)) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
    except psycopg2.Error as error:
        return str(error).strip().splitlines()[0]
    return "yes"


def without_password(dsn: str) -> str:
    """The same door and name, without a word."""
    return str(make_dsn(**{name: value for name, value in parse_dsn(dsn).items() if name != "password"}))


def unsafe_rules(superuser_dsn: str) -> str:
    """Rules of pg_hba.conf by which somebody comes in over the network without SCRAM."""
    with closing(psycopg2.connect(superuser_dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select type, address, auth_method from pg_hba_file_rules"
            " where type <> 'local' and auth_method not in ('scram-sha-256', 'reject')"
        )
        return json.dumps(cursor.fetchall())


def main() -> dict[str, str]:
    """Everybody's attempts."""
    here = deployment()
    dsns = {role: here.dsn(role, "hashtide_airflow" if role == "hashtide_airflow" else "hashtide") for role in ROLES}
    dsns["postgres"] = here.superuser_dsn()
    found = {}
    for role, dsn in dsns.items():
        found[f"{role} with its password"] = comes_in(dsn)
        found[f"{role} with a wrong password"] = comes_in(make_dsn(dsn, password=secrets.token_urlsafe(32)))
        found[f"{role} without a password"] = comes_in(without_password(dsn))
    reader = dsns["hashtide_reader"]
    found["the reader reads"] = comes_in(reader, "select count(*) from count_day")
    found["the reader writes"] = comes_in(
        reader, "set transaction read write; insert into generation (generation) values (999)"
    )
    found["the reader looks at Airflow's metadata"] = comes_in(
        make_dsn(reader, dbname="hashtide_airflow"), "table connection"
    )
    found["unsafe rules"] = unsafe_rules(dsns["postgres"])
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main()) + "\n")
