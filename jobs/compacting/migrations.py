"""Numbered SQL files, each applied once and in order; one transaction for all of them."""

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

import psycopg2

log = logging.getLogger(__name__)

_LOCK = 0x68617368  # "hash": any number that no other program locks
_TABLE = """
create table if not exists schema_migration (
    name text primary key,
    sha256 text not null,
    applied_at timestamptz not null default now()
);
comment on table schema_migration is 'One row an applied file of sql/schema';
comment on column schema_migration.name is 'Name of the file';
comment on column schema_migration.sha256 is 'SHA-256 of its bytes when it was applied, hexadecimal';
comment on column schema_migration.applied_at is 'When it was applied';
"""


class MigrationError(Exception):
    """The files and the database differ about what was applied."""


@dataclass(frozen=True)
class Migration:
    """One file of sql/schema. `name` sorts in the order of application, `sha256` is of the file's bytes."""

    name: str
    sha256: str
    sql: str


def read_migrations(folder: Path) -> list[Migration]:
    """All `.sql` files of the folder in the order of their names.

    Raises:
        MigrationError: there are no files, or a name does not begin with four digits of its own.
    """
    files = sorted(folder.glob("*.sql"))
    numbers = [file.name[:4] for file in files]
    if not files or len(set(numbers)) != len(numbers) or not all(number.isdigit() for number in numbers):
        raise MigrationError(f"{folder}: wanted .sql files that begin with four digits each its own, found {numbers}")
    return [Migration(f.name, hashlib.sha256(f.read_bytes()).hexdigest(), f.read_text("utf-8")) for f in files]


def pending(migrations: list[Migration], applied: dict[str, str]) -> list[Migration]:
    """The migrations still to apply.

    Args:
        migrations: the files, in order.
        applied: name → sha256, as the database has them.

    Raises:
        MigrationError: an applied file was changed or removed, or a new one sorts before an applied one.
    """
    known = {migration.name: migration.sha256 for migration in migrations}
    for name, sha256 in applied.items():
        if name not in known:
            raise MigrationError(
                f"{name} was applied to this database but its file is gone: is the code older than the database?"
            )
        if known[name] != sha256:
            raise MigrationError(
                f"{name} was changed after it was applied: put it back and write the change as a new file"
            )
    left = [migration for migration in migrations if migration.name not in applied]
    if left and applied and left[0].name < max(applied):
        raise MigrationError(
            f"{left[0].name} is new but comes before {max(applied)}, which is applied: give it a higher number"
        )
    return left


def migrate(dsn: str, migrations: list[Migration]) -> list[str]:
    """Applies pending migrations in one transaction; a second migrator waits for the first.

    Returns:
        Names of the files applied now.

    Raises:
        MigrationError: see `pending`; or a file failed, and none was applied.
    """
    connection = psycopg2.connect(dsn, connect_timeout=10, application_name="hashtide migrate")
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("set local lock_timeout = '60s'")
            cursor.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
            cursor.execute("select to_regclass('public.schema_migration') is null")
            if (cursor.fetchone() or (True,))[0]:
                cursor.execute(_TABLE)
            cursor.execute("select name, sha256 from public.schema_migration")
            left = pending(migrations, dict(cursor.fetchall()))
            for migration in left:
                try:
                    cursor.execute(migration.sql)
                except psycopg2.Error as error:
                    raise MigrationError(f"{migration.name}: {str(error).strip()}") from error
                cursor.execute(
                    "insert into public.schema_migration (name, sha256) values (%s, %s)",
                    (migration.name, migration.sha256),
                )
                log.info("applied %s", migration.name)
        for notice in connection.notices:
            log.info("%s", notice.strip())
        return [migration.name for migration in left]
    finally:
        connection.close()
