"""What a person may ask for: a report, a preview, a recount. Forms and command lines are made from these."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from contract.names import REPORT_STEM, RETWEETS, WORDS, Retweets, Words
from contract.options import Options
from contract.sources import dialects

if TYPE_CHECKING:
    Source = str  # one of the values below
else:
    Source = Literal[*dialects()]
    """The dialects that posts are counted under."""

# Years 1970 (the bucket of implausible times) to 9998 (the day after must be a date too), in ASCII digits.
DAY = r"(?!9999)(19[7-9]|[2-9][0-9]{2})[0-9]-[0-9]{2}-[0-9]{2}"
LANG = r"[a-z]{2,3}(-[a-z0-9]{2,8})*"
LONGEST_LANG = 35  # what BCP 47 asks an implementation to hold (RFC 5646, 4.4.1)
MAX_TOP = 1000


def _day(value: object) -> date:
    # date.fromisoformat alone would take 20260131 and 2026-W05-6 as well.
    text = value.isoformat() if isinstance(value, date) else value
    if isinstance(text, str) and re.fullmatch(DAY, text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            pass  # no such day in the calendar
    raise ValueError(f"{value!r} is not a day such as 2026-01-31")


class ReportRequest(Options):
    """The day (UTC) and the selection of a report; equal requests on equal books give equal bytes.

    Attributes:
        source: posts of this source only; None: of all.
        lang: posts in this language only; None: in all.
    """

    day: Annotated[date, BeforeValidator(_day)] = Field(description="the UTC day to report on, YYYY-MM-DD")
    top: int = Field(
        default=50, ge=1, le=MAX_TOP, strict=True, title="Top N", description="how many hashtags, at most 1000"
    )
    source: Source | None = Field(default=None, title="Source", description="only posts of this source")
    lang: str | None = Field(
        default=None, title="Language", description="only posts in this language, as they name it: en, pt-br, und …"
    )

    @field_validator("lang")
    @classmethod
    def _is_language(cls, lang: str | None) -> str | None:
        if lang is not None and (len(lang) > LONGEST_LANG or not re.fullmatch(LANG, lang)):
            raise ValueError(f"{lang!r} is not a language code such as en or pt-br, in lower case")
        return lang

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
        """What distinguishes this report from others of the same day."""
        return {"top": self.top, "source": self.source, "lang": self.lang}

    @property
    def stem(self) -> str:
        """Name of the day's files without their ending: `hashtags`, or a variant's own name.

        Joined by `_`, which no part can contain: `en-top-10` has the form of a language code.
        """
        parts = [REPORT_STEM]
        if self.source:
            parts.append(f"source-{self.source}")
        if self.lang:
            parts.append(f"lang-{self.lang}")
        if self.top != type(self).model_fields["top"].default:
            parts.append(f"top-{self.top}")
        return "_".join(parts)


Mode = Literal["batch", "totals", "window"]
Metric = Literal["hashtag", "word", "author"]


class PreviewRequest(Options):
    """What a preview counts and shows, and for how long."""

    mode: Mode = Field(
        default="batch", title="Mode", description="each batch by itself, running totals, or a sliding window"
    )
    source: str = Field(
        default="kafka",
        pattern=r"^(kafka|tcp:[^\s:]+:\d{1,5}|file:\S.*)$",
        title="Source",
        description="kafka (our topic), tcp:HOST:PORT (a line server), or file:PATH (or folder)",
    )
    metric: Metric = Field(default="hashtag", title="Metric", description="what is counted")
    top: int = Field(default=20, ge=1, strict=True, title="Top N", description="rows of a table on the console")
    window_s: int = Field(
        default=20, ge=1, strict=True, title="Window, seconds", description="what a window covers, seconds"
    )
    slide_s: int = Field(
        default=10, ge=1, strict=True, title="Slide, seconds", description="from table to table, seconds"
    )
    duration_s: float | None = Field(
        default=None, gt=0, title="Seconds", description="end after so many seconds; without it, at a signal"
    )
    words: Words = Field(
        default=WORDS[0],
        title="Words",
        description="split on white space (plain), or without URLs, stop words … (clean)",
    )
    retweets: Retweets = Field(
        default=RETWEETS[0],
        title="Reposts",
        description="count what a repost repeats (full), or only its own words (own)",
    )

    @model_validator(mode="after")
    def _is_made_of_whole_slides(self) -> Self:
        if self.mode == "window" and self.window_s % self.slide_s:
            raise ValueError(
                f"a window of {self.window_s} s is not a multiple of its slide of {self.slide_s} s: "
                "it is made of whole slides"
            )
        return self


class RecountRequest(Options):
    """What a recount may do beyond the usual: neither is needed where the topic is whole and no recount is broken."""

    of_less: bool = Field(
        default=False,
        title="Of less",
        description="also where the topic no longer has all that was counted before: its counts become the only ones",
    )
    instead_of: int | None = Field(
        default=None,
        ge=2,
        strict=True,
        title="Instead of",
        description="give up the recount into this generation, and begin another one",
    )
