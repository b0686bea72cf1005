"""The job as Airflow starts it."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.compacting.running import TERMS, assert_exact
from tests.compacting.stream import START, Stream, random_events
from tests.postgres import SCHEMA, Database, execute

COMPACT = SCHEMA.parent.parent / "jobs" / "compact.py"


def start(stream: Stream, dsn: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HASHTIDE_COMPACTOR_DSN": dsn}
    command = [sys.executable, str(COMPACT), "--count-log", stream.url, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.postgres
def test_the_last_line_says_what_was_done(database: Database, stream: Stream) -> None:
    for n in range(3):
        stream.write(random_events(random.Random(n), START, 5, TERMS))  # noqa: S311
    done = start(stream, database.compactor, "--generation", "1", "--keep-days", "36500")
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "generation": 1,
        "batches": 3,
        "first_batch": 0,
        "last_batch": 2,
        "rows": sum(json.loads((stream.folder(n) / "manifest.json").read_text())["rows"] for n in range(3)),
        "records": len(stream.events),
        "removed_batches": 0,
        "dropped_partitions": 0,
    }
    assert_exact(database, stream)
    assert json.loads(start(stream, database.compactor, "--keep-days", "36500").stdout)["batches"] == 0


@pytest.mark.postgres
def test_the_spools_notes_come_along(database: Database, stream: Stream, tmp_path: Path) -> None:
    stream.write(random_events(random.Random(1), START, 5, TERMS))  # noqa: S311
    note = '{"began_at": "2026-01-31T12:00:00.000+00:00", "kinds": ["simulator"]}'
    (tmp_path / "collected.jsonl").write_text(note + "\n")
    assert start(stream, database.compactor, "--keep-days", "36500", "--spool", str(tmp_path)).returncode == 0
    assert execute(database.reader, "select kinds from collected") == [(["simulator"],)]


@pytest.mark.postgres
def test_what_goes_wrong_is_one_clear_line_and_status_1(database: Database, stream: Stream) -> None:
    stream.write([])
    stream.change_manifest(0, rows=3)
    done = start(stream, database.compactor)
    assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (1, "", False)
    assert "generation 1 batch 0: manifest.json: says 3 rows" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("dsn", "arguments", "says"),
    [
        ("", [], "HASHTIDE_COMPACTOR_DSN is not set"),
        ("dbname=x", ["--generation", "0"], "--generation"),
        ("dbname=x", ["--max-batches", "x"], "--max-batches"),
        ("dbname=x", ["--count-log", "nosuch://host/x"], "--count-log"),
    ],
)
def test_wrong_arguments_are_status_2(stream: Stream, dsn: str, arguments: list[str], says: str) -> None:
    done = start(stream, dsn, *arguments)
    assert done.returncode == 2
    assert says in done.stderr


def test_nothing_heavy_is_imported_before_there_is_something_to_read() -> None:
    """Airflow asks every two minutes, and mostly there is nothing."""
    code = (
        "import sys; import compact; print(*{'pyarrow', 'pandas', 'numpy', 'requests', 'pydantic'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=COMPACT.parent, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
