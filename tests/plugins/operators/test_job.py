"""One job, one process, its result."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from hashtide_airflow.operators.job import JobOperator, result_of

DSN = '{"conn_type": "postgres", "host": "h", "port": 5432, "login": "c", "password": "s3cret", "schema": "hashtide"}'


def run(code: str, is_nothing_new: Callable[[dict[str, Any]], bool] | None = None) -> dict[str, Any]:
    operator = JobOperator(
        task_id="job",
        command=lambda _: [sys.executable, "-c", code],
        secrets={"HASHTIDE_COMPACTOR_DSN": "hashtide_compactor"},
        is_nothing_new=is_nothing_new,
    )
    result = operator.execute({})
    assert result is not None
    return result


@pytest.fixture(autouse=True)
def _connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_HASHTIDE_COMPACTOR", DSN)


def test_its_last_line_is_what_it_did() -> None:
    assert run("print('log'); print('{\"batches\": 2}')") == {"batches": 2}


def test_secrets_come_by_the_environment_and_not_into_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    code = "import json, os; print(json.dumps({'ok': 'password=s3c' + 'ret' in os.environ['HASHTIDE_COMPACTOR_DSN']}))"
    assert run(code) == {"ok": True}
    assert "s3cret" not in "".join(capfd.readouterr())


def test_nothing_new_is_a_skip() -> None:
    with pytest.raises(AirflowSkipException, match="nothing new"):
        run("print('{\"batches\": 0}')", lambda done: done["batches"] == 0)


def test_a_failure_says_the_last_line() -> None:
    with pytest.raises(AirflowException, match="status 1: no such generation"):
        run("import sys; sys.exit('no such generation')")


def test_wrong_arguments_are_not_tried_again() -> None:
    with pytest.raises(AirflowFailException, match="wrong arguments: --day"):
        run("import sys; print('--day: not a date', file=sys.stderr); sys.exit(2)")


@pytest.mark.parametrize("line", ["", "done", "[1]", '{"a": 1', "3"])
def test_a_job_that_does_not_say_what_it_did_has_failed(line: str) -> None:
    with pytest.raises(AirflowException, match="not a JSON object"):
        result_of(line)


def test_what_a_job_without_a_result_says_is_in_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    code = "import os; print('a table of', os.environ['LOOK'])"
    operator = JobOperator(
        task_id="look",
        command=lambda _: [sys.executable, "-c", code],
        secrets={},
        environment={"LOOK": "hashtags"},
        has_result=False,
    )
    assert operator.execute({}) is None
    assert "a table of hashtags" in "".join(capfd.readouterr())
