"""Report: the hashtags of one UTC day, from Postgres to an HTML page and a CSV table.

    python jobs/report.py --day 2026-01-31 [--top 50] [--source x] [--lang en] --out DIR

Writes DIR/2026-01-31/hashtags.html and .csv and keeps them in table `report`; made again from the same books it gives
the same bytes and no new revision. Environment: HASHTIDE_REPORTER_DSN, where the books are (a secret, so never an
argument). The last line on stdout is JSON that says what was done. Exit status 0 done, 1 failed, 2 wrong arguments.
"""

import json
import logging
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import psycopg2

from contract.job import JobFailedError, JobParser, job_main
from contract.job_requests import ReportRequest
from contract.names import REPORTER_DSN
from reporting.errors import ReportError
from reporting.load import connect, read_day
from reporting.page import as_html
from reporting.simulated import NOTES
from reporting.store import advisory_lock, record, write_file
from reporting.summarise import summarise
from reporting.table import as_csv

log = logging.getLogger("report")


def main(argv: Sequence[str] | None = None) -> int:
    """Load the day → summarise → render → store; return the exit status."""

    def report() -> None:
        dsn, request, out = parse_arguments(argv)
        try:
            done = make_report(dsn, request, out)
        except psycopg2.Error as error:
            raise JobFailedError(f"the books can't be read or written: {error}") from error
        except OSError as error:
            raise JobFailedError(f"the report can't be written: {error}") from error
        sys.stdout.write(json.dumps(done) + "\n")

    return job_main("report", report, ReportError)


def parse_arguments(argv: Sequence[str] | None = None) -> tuple[str, ReportRequest, Path]:
    """Where the books are, what was asked for, and the folder to write into.

    Raises:
        SystemExit: with status 2 and one line on stderr, for anything that is not a valid request.
    """
    parser = JobParser("report.py", __doc__, allow_abbrev=False)
    ReportRequest.add_to(parser)
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="files go to DIR/YYYY-MM-DD/")
    options = parser.parse_args(argv)
    request = ReportRequest.given(parser, options)
    dsn = parser.environment(REPORTER_DSN, "the connection string of the role that reads the books")
    return dsn, request, options.out


def make_report(dsn: str, request: ReportRequest, out: Path) -> dict[str, object]:
    """Make one report, keep it, and return what was done: the last line on stdout."""
    with closing(connect(dsn)) as db:
        advisory_lock(db, request)
        books = read_day(db, request)
        summary = summarise(books, request)
        html, csv = as_html(summary), as_csv(summary)
        revision = record(db, request, books.position, html=html, csv=csv)
    stem = out / request.day.isoformat() / request.stem
    paths = {"html": stem.with_name(stem.name + ".html"), "csv": stem.with_name(stem.name + ".csv")}
    write_file(paths["html"], html)
    write_file(paths["csv"], csv)
    log.info("%s: %s; %d posts", request.day, summary.completeness.headline, summary.posts)
    if NOTES[summary.simulated]:
        log.info("%s", NOTES[summary.simulated])
    return {
        "day": request.day.isoformat(),
        **request.settings,
        "revision": revision.number,
        "new_revision": revision.is_new,
        "sha256": revision.sha256,
        "generation": books.position.generation,
        "batch_id": books.position.batch_id,
        "verdict": summary.completeness.verdict.value,
        "simulated": summary.simulated.value,
        "posts": summary.posts,
        "hashtags": len(summary.hashtags),
        **{name: str(path) for name, path in paths.items()},
    }


if __name__ == "__main__":
    sys.exit(main())
