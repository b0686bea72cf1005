"""What a report was asked for: a day, how many hashtags, and perhaps one source or one language."""

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NoReturn

SOURCES = ("x", "jetstream", "mastodon", "text")
"""The dialects that posts are counted under (docs/contracts.md)."""

MAX_TOP = 1000
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LANG = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*")
_MAX_LANG = 35  # what BCP 47 asks an implementation to hold (RFC 5646, 4.4.1)
_FIRST_YEAR, _LAST_YEAR = 1970, 9998  # the bucket of implausible times; and the day after must be a date too


@dataclass(frozen=True)
class ReportRequest:
    """The day (UTC) and the settings of a report; equal requests on equal books give equal bytes."""

    day: date
    top: int = 50
    source: str | None = None
    lang: str | None = None

    @property
    def start(self) -> datetime:
        """The first instant of the day."""
        return datetime(self.day.year, self.day.month, self.day.day, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first instant after the day."""
        return self.start + timedelta(days=1)

    @property
    def settings(self) -> dict[str, int | str | None]:
        """What tells this report from the day's others."""
        return {"top": self.top, "source": self.source, "lang": self.lang}

    @property
    def stem(self) -> str:
        """Name of the day's files without their ending: `hashtags`, or a variant's own name.

        Joined by `_`, which no part can contain: `en-top-10` is a language code by its form.
        """
        parts = ["hashtags"]
        if self.source:
            parts.append(f"source-{self.source}")
        if self.lang:
            parts.append(f"lang-{self.lang}")
        if self.top != ReportRequest.top:
            parts.append(f"top-{self.top}")
        return "_".join(parts)


class _OneLineParser(argparse.ArgumentParser):
    """Refuses in one line: the message is read in a task's log, where a usage text above it only hides it."""

    def error(self, message: str) -> NoReturn:
        sys.stderr.write(f"{self.prog}: {message}\n")
        raise SystemExit(2)


def parse_arguments(argv: Sequence[str] | None = None) -> tuple[ReportRequest, Path]:
    """Return what was asked for and the folder to write into.

    Raises:
        SystemExit: with status 2 and one line on stderr, for anything that is not a valid request.
    """
    parser = _OneLineParser(prog="report.py", description="Make the hashtag report of one UTC day.", allow_abbrev=False)
    parser.add_argument("--day", required=True, type=_day, metavar="YYYY-MM-DD", help="the UTC day to report on")
    parser.add_argument("--top", default=ReportRequest.top, type=_top, metavar="N", help=f"1 to {MAX_TOP} (50)")
    parser.add_argument("--source", choices=SOURCES, help="only posts of this source")
    parser.add_argument("--lang", type=_lang, metavar="CODE", help="only posts in this language: en, pt-br, und …")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="files go to DIR/YYYY-MM-DD/")
    given = parser.parse_args(argv)
    return ReportRequest(day=given.day, top=given.top, source=given.source, lang=given.lang), given.out


def _day(text: str) -> date:
    # date.fromisoformat alone would take 20260131 and 2026-W05-6 as well.
    try:
        day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None or not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day such as 2026-01-31")
    return day


def _top(text: str) -> int:
    # int() alone would take ' 5', '5_0' and digits of other scripts.
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= MAX_TOP:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {MAX_TOP}")
    return int(text)


def _lang(text: str) -> str:
    if not _LANG.fullmatch(text) or len(text) > _MAX_LANG:
        raise argparse.ArgumentTypeError(f"{text!r} is not a language code such as en or pt-br, in lower case")
    return text
