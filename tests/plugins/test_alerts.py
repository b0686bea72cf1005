"""What is said of a late report."""

import asyncio
import logging

import pytest

from hashtide_airflow.alerts import report_is_late


def test_the_run_and_when_it_was_due_are_named(caplog: pytest.LogCaptureFixture) -> None:
    context = {"dag_run": {"dag_run_id": "scheduled__1"}, "deadline": {"deadline_time": "2026-01-01T01:30:00Z"}}
    with caplog.at_level(logging.ERROR):
        asyncio.run(report_is_late(context))
    assert caplog.messages == ["scheduled__1: the report is late, it was due at 2026-01-01T01:30:00Z"]
