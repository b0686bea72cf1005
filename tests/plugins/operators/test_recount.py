"""The steps of a recount that Airflow takes itself."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from hashtide_airflow import settings
from hashtide_airflow.hooks.hdfs import StopMarker
from hashtide_airflow.operators import recount as module
from hashtide_airflow.operators.recount import CountInto, WaitForRecount
from tests.plugins.fake_hadoop import FakeHadoop

DSN = '{"conn_type": "postgres", "host": "h", "port": 5432, "login": "c", "password": "s3cret", "schema": "hashtide"}'


class Task:
    """The results of the tasks before."""

    def xcom_pull(self, *, task_ids: str) -> dict[str, Any]:
        assert task_ids == "begin"
        return {"generation": 3, "previous": 1}


CONTEXT: Any = {"ti": Task()}


@pytest.fixture
def variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "variables.json"
    file.write_text(json.dumps({"hashtide_generation": "1", "hashtide_source": "ключ"}))
    options = json.dumps({"variables_file_path": str(file)})
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND_KWARGS", options)
    return file


def test_the_file_of_variables_names_the_new_generation_and_keeps_the_rest(variables: Path) -> None:
    settings.set_generation(3)
    assert json.loads(variables.read_text()) == {"hashtide_generation": "3", "hashtide_source": "ключ"}


def test_without_a_file_the_variable_is_airflows_own(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[tuple[str, str]] = []
    monkeypatch.setattr("airflow.sdk.Variable.set", lambda name, value: found.append((name, value)))
    settings.set_generation(3)
    assert found == [("hashtide_generation", "3")]


def test_the_jobs_of_all_generations_before_are_asked_to_stop(hadoop: FakeHadoop, variables: Path) -> None:
    for generation in (1, 2, 3):
        hadoop.submit(f"hashtide-count-g{generation}")
    CountInto(task_id="count_into").execute(CONTEXT)
    assert [StopMarker(generation).exists() for generation in (1, 2, 3)] == [True, True, False]
    assert json.loads(variables.read_text())["hashtide_generation"] == "3"


def test_the_variable_is_set_before_a_job_is_stopped(variables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def stop(*_: object) -> str:
        seen.append(json.loads(variables.read_text())["hashtide_generation"])
        return ""

    monkeypatch.setattr(module, "stop_stream", stop)
    CountInto(task_id="count_into").execute(CONTEXT)
    assert seen == ["3", "3"]


@pytest.mark.parametrize("done", [True, False])
def test_the_wait_ends_when_the_job_says_so(monkeypatch: pytest.MonkeyPatch, done: bool) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_HASHTIDE_COMPACTOR", DSN)
    line = json.dumps({"generation": 3, "counted": 5000, "of": 9000, "done": done})
    called: list[Any] = []

    def command(*args: Any) -> list[str]:
        called.append(args)
        return [sys.executable, "-c", f"print({line!r})"]

    monkeypatch.setattr(module, "recount_step_command", command)
    assert WaitForRecount(task_id="wait").poke(CONTEXT) is done
    assert called == [("progress", 3)]


def test_the_wait_takes_no_worker_slot() -> None:
    assert WaitForRecount(task_id="wait").mode == "reschedule"
