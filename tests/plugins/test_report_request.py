"""Nothing but a date, a number, a source and a language gets past the form."""

from datetime import UTC, date, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, ParamValidationError

from contract.job_requests import ReportRequest
from hashtide_airflow.report_request import PARAMS, checked, day_of_run, request_of

TODAY = date(2026, 3, 1)
FORM = {"day": None, "top": 50, "source": "all", "lang": "all"}

HOSTILE: list[tuple[str, Any]] = [
    ("day", "2026-01-01\n"),
    ("day", "2026-01-01'; DROP TABLE report; --"),
    ("day", "../../etc/passwd"),
    ("day", "2026-13-01"),
    ("day", "2026-02-30"),
    ("day", "2026-W01-1"),
    ("day", "20260101"),
    ("day", "٢٠٢٦-٠١-٠١"),
    ("day", "--help"),
    ("day", 20260101),
    ("day", "1969-12-31"),
    ("day", "9999-12-31"),
    ("day", ["2026-01-01"]),
    ("top", 0),
    ("top", 1001),
    ("top", -1),
    ("top", "50; rm -rf /"),
    ("top", "50"),
    ("top", 1.5),
    ("top", True),
    ("top", None),
    ("source", "x' OR '1'='1"),
    ("source", "../x"),
    ("source", "X"),
    ("source", "x\n"),
    ("source", ["x"]),
    ("lang", "en\n"),
    ("lang", "en' --"),
    ("lang", "$(id)"),
    ("lang", "../en"),
    ("lang", "EN"),
    ("lang", "e"),
    ("lang", "en-"),
    ("lang", "en" + "-aa" * 12),
    ("lang", "{{ var.value.x }}"),
    ("lang", {"en": 1}),
]


@pytest.mark.parametrize(("field", "value"), HOSTILE)
def test_the_task_refuses_what_is_no_value(field: str, value: Any) -> None:
    with pytest.raises(AirflowFailException):
        checked({**FORM, field: value}, {field: value}, TODAY)


@pytest.mark.parametrize(("field", "value"), HOSTILE)
def test_the_form_refuses_it_before_a_run_is_made(field: str, value: Any) -> None:
    with pytest.raises(ParamValidationError):
        PARAMS[field].__copy__().resolve(value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("day", None),
        ("day", "2024-02-29"),
        ("top", 1),
        ("top", 1000),
        ("source", "text"),
        ("lang", "pt-br"),
        ("lang", "und"),
    ],
)
def test_the_form_takes_every_good_value(field: str, value: Any) -> None:
    assert PARAMS[field].__copy__().resolve(value) == value
    assert checked({**FORM, field: value}, {field: value}, TODAY)


def test_an_unknown_field_is_refused_by_name() -> None:
    with pytest.raises(AirflowFailException, match="langs"):
        checked(FORM, {"langs": "en"}, TODAY)


def test_all_means_no_restriction_and_an_empty_day_the_runs_own() -> None:
    assert checked(FORM, {}, TODAY) == ReportRequest(day=TODAY, top=50, source=None, lang=None)


def test_the_interval_ends_before_its_end() -> None:
    midnight = datetime(2026, 3, 2, tzinfo=UTC)
    assert day_of_run(midnight, midnight + timedelta(hours=5)) == date(2026, 3, 1)


@pytest.mark.parametrize(
    ("run_type", "expected"), [("manual", "2026-03-02"), ("scheduled", "2026-03-01"), ("backfill", "2026-03-01")]
)
def test_the_interval_that_the_ui_gives_a_manual_run_is_not_asked_for(run_type: str, expected: str) -> None:
    midnight = datetime(2026, 3, 2, tzinfo=UTC)
    run = SimpleNamespace(
        run_type=run_type, conf=None, data_interval_end=midnight, run_after=midnight + timedelta(hours=9)
    )
    context: Any = {"dag_run": run, "params": FORM}
    assert request_of(context).day.isoformat() == expected


def test_a_manual_runs_day_is_todays_in_utc() -> None:
    late_in_the_west = datetime(2026, 3, 1, 20, tzinfo=timezone(timedelta(hours=-8)))
    assert day_of_run(None, late_in_the_west) == date(2026, 3, 2)
