"""What report a person or the schedule asks for: validated here, before it can reach a command line, a path or SQL."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowFailException
from pydantic import Field, field_validator

from hashtide_airflow.forms import END, refuse_unknown, validated
from hashtide_airflow.settings import Frozen

if TYPE_CHECKING:
    from airflow.sdk import Context

ALL = "all"
SOURCES = (ALL, "x", "jetstream", "mastodon", "text")
DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}" + END
LANG = r"^(all|[a-z]{2,3}(-[a-z0-9]{2,8})*)" + END
LONGEST_LANG = 35  # what BCP 47 asks an implementation to hold

PARAMS = {
    "day": Param(
        None,
        type=["null", "string"],
        format="date",
        pattern=DAY,
        title="Day (UTC)",
        description="Empty: today, as far as it has come (a scheduled run: the day before).",
    ),
    "top": Param(50, type="integer", minimum=1, maximum=1000, title="Top N", description="How many hashtags."),
    "source": Param(ALL, type="string", enum=list(SOURCES), title="Source", description="One source only, or all."),
    "lang": Param(
        ALL,
        type="string",
        pattern=LANG,
        maxLength=LONGEST_LANG,
        title="Language",
        description="One language only, as the posts name it (en, pt-br, und), or all.",
    ),
}


class ReportRequest(Frozen):
    """One report: of a day, so long, of one source and language or all (None)."""

    day: date
    top: int = Field(ge=1, le=1000, strict=True)
    source: Literal["x", "jetstream", "mastodon", "text"] | None
    lang: str | None

    @field_validator("lang")
    @classmethod
    def _is_language(cls, lang: str | None) -> str | None:
        if lang is not None and (len(lang) > LONGEST_LANG or not re.fullmatch(r"[a-z]{2,3}(-[a-z0-9]{2,8})*", lang)):
            raise ValueError("not a language tag")
        return lang


def request_of(context: Context) -> ReportRequest:
    """What this run asks for.

    Raises:
        AirflowFailException: something else than the form's fields, or a value that they refuse.
    """
    run = context["dag_run"]
    # The UI's form gives a manual run a logical date, and so an interval: the last whole day. Nobody asked for that.
    end = None if run.run_type == "manual" else run.data_interval_end
    return checked(dict(context["params"]), dict(run.conf or {}), day_of_run(end, run.run_after))


def day_of_run(data_interval_end: datetime | None, run_after: datetime) -> date:
    """The last day of the interval [start, end); without one, the day on which the run was asked for."""
    if data_interval_end is None:
        return run_after.astimezone(UTC).date()
    return (data_interval_end.astimezone(UTC) - timedelta(microseconds=1)).date()


def checked(params: Mapping[str, Any], conf: Mapping[str, Any], default_day: date) -> ReportRequest:
    """The request, if it is one.

    Args:
        params: the form's fields, with what the run's conf says laid over them.
        conf: the run's conf; Airflow lets unknown keys pass, we don't.
        default_day: where the form's day is empty.

    Raises:
        AirflowFailException: says what was wrong with which field.
    """
    refuse_unknown(conf, PARAMS)
    day = params.get("day")
    if day and not (isinstance(day, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", day)):
        raise AirflowFailException(f"day: {day!r} is not a date like 2026-01-31")
    chosen = {name: None if params.get(name) in (ALL, None) else params[name] for name in ("source", "lang")}
    return validated(ReportRequest, {"day": day or default_day, "top": params.get("top", 50), **chosen})
