"""Stores a report: a revision in the books, and two files."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from psycopg2.extensions import connection

from contract.files import make_directory, remove_leftovers, write_atomically
from contract.job_requests import ReportRequest
from reporting.day_rows import LedgerPosition
from reporting.load import read


@dataclass(frozen=True)
class Revision:
    """A report's revision in the books; `number` is None before the first batch, when there are no books to cite."""

    number: int | None
    is_new: bool
    sha256: str


def advisory_lock(db: connection, request: ReportRequest) -> None:
    """Keeps other runs of the same report out until the connection ends; waits up to its lock_timeout."""
    read(db, "lock", {"report": f"{request.day} {request.stem} {request.top}"})
    db.commit()  # the lock is the session's; this statement's snapshot must end


def record(db: connection, request: ReportRequest, position: LedgerPosition, *, html: bytes, csv: bytes) -> Revision:
    """Adds a revision if the bytes differ from the newest one, in one transaction."""
    sha256 = hashlib.sha256(html).hexdigest()
    if position.batch_id is None:
        return Revision(None, is_new=False, sha256=sha256)
    # '' stands for all, in a key that can hold no null.
    key = {"day": request.day, "source": request.source or "", "lang": request.lang or "", "top": request.top}
    content = {"html": html.decode(), "csv": csv.decode()}
    latest = read(db, "latest_report", key)
    if latest and all(latest[0][name] == text for name, text in content.items()):
        db.rollback()
        return Revision(latest[0]["revision"], is_new=False, sha256=sha256)
    number = latest[0]["revision"] + 1 if latest else 1
    made_from = {"generation": position.generation, "batch_id": position.batch_id}
    read(db, "insert_report", {**key, **content, **made_from, "revision": number, "sha256": sha256})
    db.commit()
    return Revision(number, is_new=True, sha256=sha256)


def write_file(path: Path, content: bytes) -> None:
    """Writes aside, then renames: a reader finds the old file or the new one, never a part."""
    make_directory(path.parent)
    remove_leftovers(path.parent)
    write_atomically(path, content, durably=True, mode=0o644)
