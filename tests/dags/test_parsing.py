"""The DAG files as Airflow reads them: quickly, without touching anything, and what stands in them."""

import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import BundleDagBag
from airflow.sdk import DAG, CronDataIntervalTimetable
from airflow.serialization.serialized_objects import DagSerialization

DAGS = Path(__file__).resolve().parents[2] / "dags"
ALL = ["collect_posts", "compact_counts", "count_posts", "explore_counts", "recount_posts", "report_hashtags"]


def dag_bag() -> BundleDagBag:
    return BundleDagBag(DAGS, bundle_path=DAGS, bundle_name="hashtide")


@pytest.fixture(scope="module")
def dags() -> dict[str, DAG]:
    bag = dag_bag()
    assert bag.import_errors == {}
    return dict(bag.dags)


def test_all_are_there_and_can_be_stored(dags: dict[str, DAG]) -> None:
    assert sorted(dags) == ALL
    for dag in dags.values():
        assert DagSerialization.from_dict(DagSerialization.to_dict(dag)).dag_id == dag.dag_id


def test_reading_them_touches_no_network_no_process_no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **_: Any) -> Any:
        raise AssertionError(f"not while parsing: {args[1:]}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(subprocess.Popen, "__init__", refuse)
    monkeypatch.setattr("airflow.sdk.execution_time.context._get_connection", refuse)
    monkeypatch.setattr("airflow.sdk.execution_time.context._get_variable", refuse)
    with pytest.raises(AssertionError, match="not while parsing"):
        subprocess.Popen(["true"])  # the refusal works
    assert dag_bag().import_errors == {}


def test_reading_them_again_takes_less_than_a_second(dags: dict[str, DAG]) -> None:
    assert dags
    started = time.process_time()
    dag_bag()
    assert time.process_time() - started < 1


@pytest.mark.parametrize("name", ALL)
def test_a_file_stays_thin(name: str) -> None:
    assert len((DAGS / f"{name}.py").read_text().splitlines()) <= 100


@pytest.mark.parametrize("name", ALL)
def test_a_person_finds_out_what_it_is(dags: dict[str, DAG], name: str) -> None:
    dag = dags[name]
    assert dag.description
    assert "hashtide" in dag.tags
    assert len(dag.doc_md or "") > 300
    assert all(task.doc_md for task in dag.tasks)


@pytest.mark.parametrize("name", ["collect_posts", "count_posts"])
def test_a_stream_is_supervised_by_one_run_at_a_time_and_never_timed_out(dags: dict[str, DAG], name: str) -> None:
    dag = dags[name]
    assert type(dag.timetable).__name__ == "ContinuousTimetable"
    assert (dag.max_active_runs, dag.catchup, dag.dagrun_timeout) == (1, False, None)
    task = dag.tasks[0]
    assert task.retries
    assert task.retry_exponential_backoff
    assert task.execution_timeout


@pytest.mark.parametrize(("name", "cron"), [("compact_counts", "*/2 * * * *"), ("report_hashtags", "0 0 * * *")])
def test_the_others_run_by_data_intervals_in_utc(dags: dict[str, DAG], name: str, cron: str) -> None:
    timetable = dags[name].timetable
    assert isinstance(timetable, CronDataIntervalTimetable)
    assert timetable.expression == cron
    assert str(timetable.timezone) in {"UTC", "Timezone('UTC')"}
    assert not dags[name].catchup


def test_jobs_are_bounded_and_tried_again_ever_later(dags: dict[str, DAG]) -> None:
    for name, task_id in (("compact_counts", "compact"), ("report_hashtags", "report")):
        task = dags[name].get_task(task_id)
        assert task.execution_timeout
        assert task.retries
        assert task.retry_exponential_backoff
    assert dags["compact_counts"].max_active_runs == 1


def test_assets_tie_the_stages(dags: dict[str, DAG]) -> None:
    def names(assets: list[Any]) -> list[str]:
        return [asset.name for asset in assets]

    tasks = {task.task_id: task for dag in dags.values() for task in dag.tasks}
    assert (
        names(tasks["collect"].outlets) == names(tasks["count"].inlets) == names(tasks["compact"].inlets) == ["posts"]
    )
    assert names(tasks["compact"].outlets) == names(tasks["report"].inlets) == ["counts"]
    assert names(tasks["report"].outlets) == ["report"]


def test_nothing_of_the_plugins_is_run_as_a_module_of_its_own() -> None:
    assert "hashtide_airflow/" in (DAGS.parent / "plugins" / ".airflowignore").read_text().splitlines()
