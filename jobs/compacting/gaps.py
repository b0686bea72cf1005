"""A gap event of the collector → a row of collection_gap. An unreadable event is kept whole as the reason."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime

_DATE = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class GapDetails:
    """A parsed gap event. Times are None if it names cursors instead; `source` is empty if it names none."""

    source: str
    gap_from: datetime | None
    gap_to: datetime | None
    why: str


def parse_gap(note: str) -> GapDetails:
    """Parses a gap event, `{"source": …, "from": …, "to": …, "why": …}`."""
    try:
        said = json.loads(note)
    except (ValueError, RecursionError):  # how deep is too deep depends on the stack: the job may have read it
        said = None
    if not isinstance(said, dict):
        return GapDetails("", None, None, note)
    why, source = said.get("why"), said.get("source")
    gap_from, gap_to = _time(said.get("from")), _time(said.get("to"))
    return GapDetails(
        _clean(source) if isinstance(source, str) else "",
        gap_from,
        gap_to,
        _clean(why) if isinstance(why, str) else note,
    )


def _clean(text: str) -> str:
    """Text that Postgres accepts: JSON can escape a NUL and half of a surrogate pair."""
    return text.replace("\0", "�").encode("utf-8", "replace").decode()


def _time(said: object) -> datetime | None:
    """An ISO 8601 time, UTC without a zone; anything else is a cursor."""
    if not isinstance(said, str) or not _DATE.match(said):  # Python parses many bare numbers as dates
        return None
    try:
        time = datetime.fromisoformat(said)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
