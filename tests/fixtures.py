"""Fixtures of the services that tests need: a Kafka broker and a Postgres, one of each a test run.

`HASHTIDE_PARTS` names the folder of the fetched parts (`jars/kafka` in it); without one the broker's tests are skipped.
"""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from compacting.migrations import migrate, read_migrations
from tests.brokers import Broker, running
from tests.postgres import ROLES, SCHEMA, Database, PostgresServer, execute, start_postgres, stop_postgres


@pytest.fixture(scope="session")
def kafka_jars() -> Path:
    """The folder of the broker's jars."""
    parts = os.environ.get("HASHTIDE_PARTS")
    jars = Path(parts or "/nonexistent") / "jars" / "kafka"
    if not jars.is_dir():
        pytest.skip(f"no Kafka jars: HASHTIDE_PARTS is {parts!r}")
    return jars


@pytest.fixture(scope="session")
def broker(kafka_jars: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One broker a test run; tests make topics of their own and leave it running."""
    yield from running(Broker(tmp_path_factory.mktemp("kafka"), kafka_jars))


@pytest.fixture
def broker_of_its_own(kafka_jars: Path, tmp_path: Path) -> Iterator[Broker]:
    """A broker that the test may stop, kill and start."""
    yield from running(Broker(tmp_path / "kafka", kafka_jars))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server a test run, with the product's roles."""
    home = Path(tempfile.mkdtemp(prefix="hashtide-pg-"))  # short: a unix socket's path has at most 107 bytes
    try:
        server = start_postgres(home)
        try:
            for role in ROLES:
                execute(server.dsn("postgres"), f"create role {role} login")
            execute(server.dsn("postgres"), "alter role hashtide_reader set default_transaction_read_only = on")
            yield server
        finally:
            stop_postgres(server)
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def empty_database(postgres_server: PostgresServer) -> Iterator[Database]:
    """A database of its own that belongs to the migrator, with nothing in it."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    connection = psycopg2.connect(postgres_server.dsn("postgres"))
    connection.autocommit = True  # create database can't run in a transaction
    try:
        connection.cursor().execute(f"create database {name} owner hashtide_migrator")
        yield Database(postgres_server, name)
        connection.cursor().execute(f"drop database {name} with (force)")
    finally:
        connection.close()


@pytest.fixture
def database(empty_database: Database) -> Database:
    """The same with the schema in it."""
    migrate(empty_database.migrator, read_migrations(SCHEMA))
    return empty_database
