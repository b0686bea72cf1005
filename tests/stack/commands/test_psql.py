"""psql: who asks, and that no password stands on a command line."""

from pathlib import Path

import pytest

from stack.commands import psql
from tests.postgres import Database


def test_the_connection_string_becomes_the_environment() -> None:
    dsn = "host=there port=5433 dbname=hashtide user=reader password='with blank' sslmode=require"
    assert psql.environment(dsn) == {
        "PGHOST": "there",
        "PGPORT": "5433",
        "PGDATABASE": "hashtide",
        "PGUSER": "reader",
        "PGPASSWORD": "with blank",
        "PGSSLMODE": "require",
    }


@pytest.mark.postgres
def test_the_reader_reads_and_writes_nothing(
    database: Database, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dsn").write_text(database.reader)
    assert psql.run(tmp_path / "dsn", "select current_user") == 0
    assert "hashtide_reader" in capfd.readouterr().out
    assert psql.run(tmp_path / "dsn", "delete from report") == 1
    assert "cannot execute DELETE" in capfd.readouterr().err
