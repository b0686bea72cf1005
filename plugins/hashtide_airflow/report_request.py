"""The form of a report: what a person or the schedule asks for, checked before it can reach a command line."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, get_args

from contract.job_requests import DAY, LANG, LONGEST_LANG, ReportRequest, Source
from hashtide_airflow.forms import END, checked_fields, params_of, refuse_unknown, validated

if TYPE_CHECKING:
    from airflow.sdk import Context

ALL = "all"

PARAMS = params_of(
    ReportRequest,
    day={
        "type": ["null", "string"],
        "format": "date",
        "pattern": f"^{DAY}{END}",
        "title": "Day (UTC)",
        "description": "Empty: today, as far as it has come (a scheduled run: the day before).",
    },
    source={
        "type": "string",
        "enum": [ALL, *get_args(Source)],
        "default": ALL,
        "description": "One source only, or all.",
    },
    lang={
        "type": "string",
        "pattern": f"^({ALL}|{LANG}){END}",
        "maxLength": LONGEST_LANG,
        "default": ALL,
        "description": "One language only, as the posts name it (en, pt-br, und), or all.",
    },
)


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
    fields = checked_fields(params, PARAMS)
    chosen = {name: None if fields[name] == ALL else fields[name] for name in ("source", "lang")}
    return validated(ReportRequest, {**fields, **chosen, "day": fields["day"] or default_day})
