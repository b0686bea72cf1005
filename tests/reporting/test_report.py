"""`python jobs/report.py` as it is run: arguments, environment, files, the row in the books, the last line."""

import csv
import hashlib
import json
import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import psycopg2
import pytest

import report
from contract.job_requests import ReportRequest
from tests.postgres import Database, execute
from tests.reporting.samples import DAY, END, START, at
from tests.reporting.seeding import Books, seed

pytestmark = pytest.mark.postgres

REPO = Path(__file__).resolve().parents[2]
REQUEST = ReportRequest(day=DAY)


def known_books(posts: int = 40) -> Books:
    batches = [
        (0, START - timedelta(hours=1), 10),
        (1, at("23:58"), 24 * posts + 30),
        (2, END + timedelta(minutes=2), 0),
    ]
    books = Books(batches)
    for hour in range(24):
        books.count("post", START + timedelta(hours=hour), posts=posts, reposts=4, lang=("en", "ar", "und")[hour % 3])
        for term in ("tide", "مد", "津波", "🌊", "=1+1"):
            books.count("hashtag", START + timedelta(hours=hour), term, posts=3 + len(term) * hour % 5)
            books.count("word", START + timedelta(hours=hour), term, posts=2)
    return books


def run(database: Database | None, out: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    plain = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    if database:
        plain["HASHTIDE_REPORTER_DSN"] = database.reporter
    return subprocess.run(
        [sys.executable, REPO / "jobs" / "report.py", "--day", "2026-01-31", "--out", out, *arguments],
        env={**plain, **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
        cwd="/",
    )


def revisions(database: Database) -> list[tuple[object, ...]]:
    return execute(
        database.reader,
        "select day::text, source, lang, top_n, revision, sha256, generation, batch_id from report"
        " order by 1, 2, 3, 4, 5",
    )


def test_it_writes_both_files_keeps_them_in_the_books_and_says_so_in_its_last_line(
    database: Database, tmp_path: Path
) -> None:
    seed(database.migrator, known_books())
    done = run(database, tmp_path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    html, table = tmp_path / "2026-01-31" / "hashtags.html", tmp_path / "2026-01-31" / "hashtags.csv"
    sha256 = hashlib.sha256(html.read_bytes()).hexdigest()
    assert said == {
        "day": "2026-01-31", "top": 50, "source": None, "lang": None, "revision": 1, "new_revision": True,
        "sha256": sha256, "generation": 1, "batch_id": 2, "verdict": "complete", "simulated": "no", "posts": 960,
        "hashtags": 5, "html": str(html), "csv": str(table),
    }  # fmt: skip
    assert revisions(database) == [("2026-01-31", "", "", 50, 1, sha256, 1, 2)]
    kept = execute(database.reader, "select html, csv from report")
    assert kept == [(html.read_text("utf-8"), table.read_bytes().decode("utf-8"))]
    with table.open(encoding="utf-8-sig", newline="") as file:
        assert sum(int(row["posts"]) for row in csv.DictReader(file)) == sum(
            int(str(row[7])) for row in known_books().buckets if row[3] == "hashtag"
        )


def test_the_same_books_give_the_same_bytes_and_no_new_revision(database: Database, tmp_path: Path) -> None:
    seed(database.migrator, known_books())
    first = report.make_report(database.reporter, REQUEST, tmp_path / "a")
    again = report.make_report(database.reporter, REQUEST, tmp_path / "b")
    assert (first["revision"], first["new_revision"]) == (1, True)
    assert (again["revision"], again["new_revision"], again["sha256"]) == (1, False, first["sha256"])
    for name in ("hashtags.html", "hashtags.csv"):
        assert (tmp_path / "a/2026-01-31" / name).read_bytes() == (tmp_path / "b/2026-01-31" / name).read_bytes()
    assert len(revisions(database)) == 1


def test_the_order_of_rows_the_zone_the_locale_and_the_hash_seed_change_no_byte(
    database: Database, tmp_path: Path
) -> None:
    seed(database.migrator, known_books())
    plain = run(database, tmp_path / "a")
    shuffled = known_books()
    random.Random(7).shuffle(shuffled.buckets)  # noqa: S311  a seeded order, no secret
    seed_again(database, shuffled)
    execute(database.admin, f"alter database {database.name} set timezone = 'Pacific/Auckland'")
    execute(database.admin, f"alter database {database.name} set datestyle = 'German'")
    other = run(database, tmp_path / "b", TZ="America/New_York", LC_ALL="de_DE.UTF-8", PYTHONHASHSEED="7")
    assert (plain.returncode, other.returncode) == (0, 0), other.stderr
    for name in ("hashtags.html", "hashtags.csv"):
        assert (tmp_path / "a/2026-01-31" / name).read_bytes() == (tmp_path / "b/2026-01-31" / name).read_bytes()
    assert json.loads(other.stdout)["new_revision"] is False


def seed_again(database: Database, books: Books) -> None:
    """The same counts from an empty table on, in another physical order."""
    execute(database.migrator, "truncate count_bucket, count_hour, count_day")
    books.batches = []
    seed(database.migrator, books)


def test_books_that_changed_make_a_new_revision_and_keep_the_old_one(database: Database, tmp_path: Path) -> None:
    seed(database.migrator, known_books())
    report.make_report(database.reporter, REQUEST, tmp_path)
    execute(database.migrator, "update count_day set posts = posts + 1 where metric = 'hashtag'")
    changed = report.make_report(database.reporter, REQUEST, tmp_path)
    assert (changed["revision"], changed["new_revision"]) == (2, True)
    again = report.make_report(database.reporter, REQUEST, tmp_path)
    assert (again["revision"], again["new_revision"]) == (2, False)
    assert [row[4] for row in revisions(database)] == [1, 2]
    assert len({row[5] for row in revisions(database)}) == 2


def test_every_setting_has_revisions_and_files_of_its_own(database: Database, tmp_path: Path) -> None:
    seed(database.migrator, known_books())
    for request in (
        REQUEST,
        ReportRequest(day=DAY, top=2),
        ReportRequest(day=DAY, source="x"),
        ReportRequest(day=DAY, lang="ar"),
    ):
        assert report.make_report(database.reporter, request, tmp_path)["revision"] == 1
    assert len(revisions(database)) == 4
    assert len(list((tmp_path / "2026-01-31").iterdir())) == 8


def test_many_at_once_make_one_revision(database: Database, tmp_path: Path) -> None:
    seed(database.migrator, known_books())
    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda _: report.make_report(database.reporter, REQUEST, tmp_path), range(6)))
    assert sorted(str(one["new_revision"]) for one in done) == ["False"] * 5 + ["True"]
    assert len(revisions(database)) == 1


def test_before_the_first_batch_there_is_a_report_but_nothing_to_keep(database: Database, tmp_path: Path) -> None:
    done = run(database, tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["revision"] is None
    assert (tmp_path / "2026-01-31" / "hashtags.html").stat().st_size > 0
    assert revisions(database) == []


def test_a_file_that_was_lost_is_written_again_without_a_new_revision(database: Database, tmp_path: Path) -> None:
    seed(database.migrator, known_books())
    report.make_report(database.reporter, REQUEST, tmp_path)
    lost = tmp_path / "2026-01-31" / "hashtags.html"
    lost.unlink()
    assert report.make_report(database.reporter, REQUEST, tmp_path)["new_revision"] is False
    assert lost.exists()


def test_a_run_that_holds_the_report_too_long_is_an_error_and_not_a_wait_for_ever(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from reporting import load
    from reporting.store import advisory_lock

    monkeypatch.setattr(load, "_SESSION", "-c timezone=UTC -c lock_timeout=200ms")
    monkeypatch.setenv("HASHTIDE_REPORTER_DSN", database.reporter)
    first = load.connect(database.reporter)
    try:
        advisory_lock(first, REQUEST)
        assert report.main(["--day", "2026-01-31", "--out", str(tmp_path)]) == 1
    finally:
        first.close()
    assert "lock timeout" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--day", "2026-02-30"], 2, "is not a day"),
        (["--top", "0"], 2, "--top: Input should be greater than or equal to 1"),
    ],
)
def test_wrong_arguments_leave_with_one_line(tmp_path: Path, arguments: list[str], status: int, message: str) -> None:
    done = run(None, tmp_path, *arguments, HASHTIDE_REPORTER_DSN="host=/nowhere")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (status, "", 1)
    assert message in done.stderr


def test_a_missing_dsn_is_a_wrong_call(tmp_path: Path) -> None:
    done = run(None, tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "HASHTIDE_REPORTER_DSN is not set" in done.stderr


def test_a_server_that_is_away_is_one_line_and_status_1(tmp_path: Path) -> None:
    done = run(None, tmp_path, HASHTIDE_REPORTER_DSN=f"host={tmp_path} dbname=x password=hush")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "Postgres can't be reached" in done.stderr
    assert "hush" not in done.stderr


def test_a_folder_that_can_not_be_written_is_one_line_and_status_1(database: Database, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = run(database, tmp_path / "file")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "can't be written" in done.stderr


def test_the_reporter_can_add_a_report_and_change_nothing_else(database: Database, tmp_path: Path) -> None:
    seed(database.migrator, known_books())
    report.make_report(database.reporter, REQUEST, tmp_path)
    for forbidden in ("update report set html = ''", "delete from report", "delete from count_day"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            execute(database.reporter, forbidden)
