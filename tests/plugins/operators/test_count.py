"""The decision: attach, wait or submit; and never twice."""

import json
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferred

from contract.generations import WrongGenerationError
from hashtide_airflow import commands
from hashtide_airflow.operators import count as module
from hashtide_airflow.operators.count import SuperviseStream, due_at
from hashtide_airflow.triggers.application import ApplicationTrigger
from tests.plugins.fake_hadoop import FakeHadoop

TAG = "hashtide-count-g1"

# What spark-submit does, as far as the lease sees it: it takes its time, then YARN has the application.
SPARK_SUBMIT = f"""#!{sys.executable}
import json, os, pathlib, sys, time, urllib.request
folder = pathlib.Path({{folder!r}})
folder.joinpath(f"submit-{{{{os.getpid()}}}}.json").write_text(json.dumps(sys.argv))
time.sleep({{takes_s}})
if {{fails}}:
    sys.exit("no queue")
tag = next(word.partition("=")[2] for word in sys.argv if word.startswith("spark.yarn.tags="))
urllib.request.urlopen(urllib.request.Request({{url!r}} + "/submit?tag=" + tag, method="POST"))
"""


class Submits:
    """A stand-in for spark-submit, and what it was called with."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.path = folder / "spark-submit"
        self.behave()

    def behave(self, *, takes_s: float = 0.0, fails: bool = False) -> None:
        self.path.write_text(SPARK_SUBMIT.format(folder=str(self.folder), url=self.url, takes_s=takes_s, fails=fails))
        self.path.chmod(0o755)

    @property
    def calls(self) -> list[list[str]]:
        return [json.loads(path.read_text()) for path in sorted(self.folder.glob("submit-*.json"))]


@pytest.fixture
def submits(hadoop: FakeHadoop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Submits:
    stand_in = Submits(tmp_path, hadoop.url)
    real = commands.submit_command
    monkeypatch.setattr(module, "submit_command", lambda *a: [str(stand_in.path), *real(*a)[1:]])
    return stand_in


def lease(**memory: Any) -> TaskDeferred:
    """One turn of a new lease; how it decided to wait."""
    with pytest.raises(TaskDeferred) as deferred:
        SuperviseStream(task_id="count").turn({}, datetime.now(UTC) + timedelta(minutes=30), **memory)
    return deferred.value


def trigger_of(deferred: TaskDeferred) -> ApplicationTrigger:
    assert isinstance(deferred.trigger, ApplicationTrigger)
    return deferred.trigger


def test_where_none_is_it_submits_and_watches(hadoop: FakeHadoop, submits: Submits) -> None:
    deferred = lease()
    assert hadoop.active(TAG) == ["application_1700000000000_0001"]
    assert len(submits.calls) == 1
    assert deferred.method_name == "resume"
    assert trigger_of(deferred).not_before is None


def test_the_submit_takes_the_kafka_file_along_and_says_nothing_of_what_is_in_it(
    hadoop: FakeHadoop,
    submits: Submits,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    canary = "canary-0123456789"
    monkeypatch.setattr("hashtide_airflow.tokens.FOLDER", tmp_path / "secrets")
    extra = {"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN"}
    connection = {"conn_type": "kafka", "host": "k:1,l:2", "login": "us", "password": canary, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_HASHTIDE_KAFKA", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW_VAR_HASHTIDE_EXECUTORS", "2")
    deferred = lease()
    (words,) = submits.calls
    file = Path(words[words.index("--files") + 1])
    assert canary in file.read_text()
    assert words[words.index("--kafka-config") + 1] == file.name
    assert words[words.index("--bootstrap-servers") + 1] == "k:1,l:2"
    assert "spark.executor.instances=2" in words
    assert canary not in str([words, deferred.kwargs, trigger_of(deferred).serialize(), capsys.readouterr()])
    assert len(hadoop.active(TAG)) == 1


def test_where_one_runs_it_attaches(hadoop: FakeHadoop, submits: Submits) -> None:
    hadoop.submit(TAG)
    lease()
    assert submits.calls == []


def test_one_that_is_only_accepted_is_one_too(hadoop: FakeHadoop, submits: Submits) -> None:
    hadoop.submit(TAG)
    hadoop.applications[0]["state"] = "ACCEPTED"
    lease()
    assert submits.calls == []


def test_another_generations_application_is_not_ours(hadoop: FakeHadoop, submits: Submits) -> None:
    hadoop.submit("hashtide-count-g2")
    lease()
    assert len(submits.calls) == 1


def test_a_silent_yarn_means_waiting_not_submitting(hadoop: FakeHadoop, submits: Submits) -> None:
    hadoop.silent = True
    lease()
    assert submits.calls == []


def test_a_left_stop_marker_is_removed_before_a_submit(hadoop: FakeHadoop, submits: Submits) -> None:
    hadoop.files.add("/hashtide/stop/generation=1")
    lease()
    assert hadoop.files == set()
    assert len(hadoop.active(TAG)) == 1
    assert len(submits.calls) == 1


def test_an_hdfs_that_does_not_answer_means_no_submit(hadoop: FakeHadoop, submits: Submits) -> None:
    hadoop.no_hdfs = True
    with pytest.raises(Exception, match="503"):
        SuperviseStream(task_id="count").turn({}, datetime.now(UTC))
    assert submits.calls == []


def test_two_tasks_at_once_submit_once(hadoop: FakeHadoop, submits: Submits) -> None:
    submits.behave(takes_s=1.0)
    found: list[TaskDeferred] = []
    threads = [threading.Thread(target=lambda: found.append(lease())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(submits.calls) == len(hadoop.applications) == 1
    assert sorted(trigger_of(deferred).not_before is None for deferred in found) == [False, False, False, True]


def test_a_failed_submit_is_an_error_with_its_status(hadoop: FakeHadoop, submits: Submits) -> None:
    submits.behave(fails=True)
    with pytest.raises(AirflowException, match="spark-submit ended with status 1"):
        SuperviseStream(task_id="count").turn({}, datetime.now(UTC))
    assert hadoop.applications == []


def test_what_failed_is_not_submitted_at_once(hadoop: FakeHadoop, submits: Submits) -> None:
    for _ in range(3):
        hadoop.end(hadoop.submit(TAG), "FAILED", "FAILED", diagnostics="no topic")
    deferred = lease()
    assert submits.calls == []
    due = datetime.fromisoformat(trigger_of(deferred).not_before or "")
    assert 38 < (due - datetime.now(UTC)).total_seconds() <= 40


def test_after_the_delay_it_is(hadoop: FakeHadoop, submits: Submits) -> None:
    hadoop.end(hadoop.submit(TAG), "FAILED", "FAILED")
    hadoop.applications[0]["finishedTime"] -= 11_000
    lease()
    assert len(submits.calls) == 1


def test_what_was_stopped_by_its_marker_may_start_at_once(hadoop: FakeHadoop, submits: Submits) -> None:
    hadoop.submit(TAG)
    hadoop.mark("/hashtide/stop/generation=1")
    lease()
    assert len(submits.calls) == 1


def test_nothing_known_is_due_now() -> None:
    assert due_at([]) is None


def resumed(outcome: str) -> None:
    ends_at = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    SuperviseStream(task_id="count").resume({}, {"outcome": outcome, "application_id": None, "why": "w"}, ends_at)


def test_the_runs_end_is_success_and_touches_nothing(hadoop: FakeHadoop, submits: Submits) -> None:
    hadoop.submit(TAG)
    resumed("run_over")
    assert (hadoop.asked, submits.calls) == ([], [])


def test_an_end_with_nothing_to_hand_over_is_a_failure_without_a_retry(hadoop: FakeHadoop, submits: Submits) -> None:
    with pytest.raises(AirflowFailException, match="is not running"):
        resumed("run_over_without")
    assert (hadoop.asked, submits.calls) == ([], [])


def test_an_ended_application_is_replaced_within_the_same_run(hadoop: FakeHadoop, submits: Submits) -> None:
    with pytest.raises(TaskDeferred):
        resumed("ended")
    assert len(submits.calls) == len(hadoop.active(TAG)) == 1


@pytest.mark.parametrize(("state", "marked"), [("failed", True), ("running", False), (None, False)])
def test_marked_failed_in_the_middle_of_a_submit_it_stops_what_may_have_been_started(
    hadoop: FakeHadoop, submits: Submits, monkeypatch: pytest.MonkeyPatch, state: str, marked: bool
) -> None:
    submits.behave(takes_s=60)
    monkeypatch.setattr(module, "is_marked_failed", lambda _: state == "failed")
    operator = SuperviseStream(task_id="count")

    def kill() -> None:
        while not submits.calls:
            threading.Event().wait(0.05)
        operator.on_kill()

    thread = threading.Thread(target=kill)
    thread.start()
    with pytest.raises(AirflowException, match="status -15"):
        operator.turn({}, datetime.now(UTC))
    thread.join(10)
    assert bool(hadoop.files) is marked


def test_a_generation_that_nobody_began_is_not_submitted(submits: Submits, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> None:
        raise WrongGenerationError("generation 7 was never begun")

    monkeypatch.setattr("hashtide_airflow.settings.require_countable_generation", refuse)
    with pytest.raises(WrongGenerationError, match="never begun"):
        SuperviseStream(task_id="count").turn({}, datetime.now(UTC) + timedelta(minutes=30))
    assert submits.calls == []


def test_while_postgres_is_away_posts_are_counted(submits: Submits, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_: int) -> None:
        raise psycopg2.OperationalError("connection refused")

    monkeypatch.setattr("hashtide_airflow.settings.require_countable_generation", away)
    lease()
    assert len(submits.calls) == 1


def test_a_generation_that_a_recount_has_replaced_meanwhile_is_not_submitted(
    submits: Submits, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([1, 2, 2])
    monkeypatch.setattr("hashtide_airflow.settings.generation", lambda: next(answers))
    deferred = lease()
    assert submits.calls == []
    assert datetime.fromisoformat(trigger_of(deferred).not_before or "") <= datetime.now(UTC)
