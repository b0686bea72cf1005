"""The decision on the collector: attach, replace, wait, start."""

import json
import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from hashtide_airflow import commands, settings
from hashtide_airflow.operators import collect as module
from hashtide_airflow.operators.collect import SuperviseCollector
from hashtide_airflow.triggers.collector import CollectorTrigger

# A collector as a lease sees it: it takes its lock, writes its state, then works, finishes or fails.
COLLECTOR = """
import pathlib, signal, sys, time
sys.path.insert(0, JOBS)
from contract.files import LockHeld
from contract.spool.lock import take
from contract.source_address import read_stored
from contract.spool.state import CollectorState
source, spool = sys.argv[sys.argv.index("--source") + 1], pathlib.Path(sys.argv[sys.argv.index("--spool") + 1])
with spool.joinpath("starts").open("a") as starts:
    starts.write(source + "\\n")
try:
    lock = take(spool)
except LockHeld as error:
    sys.exit(str(error))
def say(status, error=""):
    CollectorState(read_stored(source), status, error).write(spool)
if source.startswith("mute"):
    sys.exit("no such source")
if source.startswith("bad"):
    say("failed", "bad source"); sys.exit("bad source")
if source.startswith("file"):
    say("finished"); sys.exit(0)
signal.signal(15, lambda *_: (say("stopped"), sys.exit(0)))
say("running"); time.sleep(120)
"""


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    script = tmp_path / "collector.py"
    script.write_text(COLLECTOR.replace("JOBS", repr(str(settings.JOBS))))
    real = commands.collect_command
    monkeypatch.setattr(module, "collect_command", lambda c: [sys.executable, str(script), *real(c)[2:]])
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    spool = tmp_path / "spool"
    yield spool
    if state := alive(spool):
        os.kill(state, 9)


def alive(spool: Path) -> int | None:
    path = spool / "state.json"
    pid = json.loads(path.read_text())["pid"] if path.exists() else None
    try:
        return pid if pid and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def starts(spool: Path) -> list[str]:
    return (spool / "starts").read_text().splitlines() if (spool / "starts").exists() else []


def turn(monkeypatch: pytest.MonkeyPatch, source: str, **memory: Any) -> TaskDeferred:
    monkeypatch.setenv("AIRFLOW_VAR_HASHTIDE_SOURCE", source)
    with pytest.raises(TaskDeferred) as deferred:
        SuperviseCollector(task_id="collect").turn({}, datetime.now(UTC) + timedelta(minutes=30), **memory)
    return deferred.value


def delay_s(deferred: TaskDeferred) -> float:
    """How long the next start has to wait at least."""
    assert isinstance(deferred.trigger, CollectorTrigger)
    if deferred.trigger.not_before is None:
        return 0
    assert deferred.kwargs is not None
    started_at = datetime.fromisoformat(deferred.kwargs["started_at"])
    return (datetime.fromisoformat(deferred.trigger.not_before) - started_at).total_seconds()


def test_it_starts_one_and_the_next_run_attaches(spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    turn(monkeypatch, "simulator")
    first = alive(spool)
    assert first
    deferred = turn(monkeypatch, "simulator")
    assert alive(spool) == first
    assert starts(spool) == ["simulator"]
    assert delay_s(deferred) == 0


def test_another_source_replaces_it_cleanly(spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    turn(monkeypatch, "simulator")
    first = alive(spool)
    turn(monkeypatch, "simulator:seed=2")
    assert alive(spool) not in (None, first)
    assert starts(spool) == ["simulator", "simulator:seed=2"]


def test_a_finished_source_is_not_started_again(spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        turn(monkeypatch, "file:a.jsonl")
        wait_for_end(spool)
    assert starts(spool) == ["file:a.jsonl"]


def test_after_a_finished_source_another_is_started(spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    turn(monkeypatch, "file:a.jsonl")
    wait_for_end(spool)
    turn(monkeypatch, "file:b.jsonl")
    assert starts(spool) == ["file:a.jsonl", "file:b.jsonl"]


@pytest.mark.parametrize("source", ["bad", "mute"])
def test_each_failure_in_a_row_lengthens_the_wait(spool: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    delays: list[float] = []
    memory: dict[str, Any] = {}
    for _ in range(3):
        deferred = turn(monkeypatch, source, **memory)
        delays.append(delay_s(deferred))
        memory = {k: v for k, v in (deferred.kwargs or {}).items() if k != "run_ends_at"}
    assert delays == [10, 20, 40]
    assert len(starts(spool)) == 3


def test_one_that_ran_for_ten_minutes_starts_the_count_anew(spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long_ago = (datetime.now(UTC) - timedelta(minutes=11)).isoformat()
    assert delay_s(turn(monkeypatch, "bad", failures=5, started_at=long_ago)) == 10
    assert len(starts(spool)) == 1


def test_a_new_source_that_fails_mutely_beside_an_old_state_is_no_tight_loop(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn(monkeypatch, "file:a.jsonl")
    wait_for_end(spool)
    first = turn(monkeypatch, "mute")
    memory = {k: v for k, v in (first.kwargs or {}).items() if k != "run_ends_at"}
    assert [delay_s(first), delay_s(turn(monkeypatch, "mute", **memory))] == [10, 20]


def test_its_last_line_is_in_the_tasks_log(
    spool: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    turn(monkeypatch, "mute")
    assert "the collector failed with status 1: no such source" in capsys.readouterr().out
    assert starts(spool) == ["mute"]


def wait_for_end(spool: Path) -> None:
    deadline = time.monotonic() + 10
    while alive(spool) and time.monotonic() < deadline:
        time.sleep(0.05)


def test_a_token_is_in_no_argument_no_environment_no_log(
    spool: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    canary = "canary-0123456789"
    monkeypatch.setattr("hashtide_airflow.tokens.FOLDER", tmp_path / "secrets")
    monkeypatch.setenv("AIRFLOW_CONN_HASHTIDE_X", json.dumps({"conn_type": "http", "password": canary}))
    monkeypatch.setattr(module, "environment", lambda **more: {"PATH": os.environ["PATH"], **more})
    deferred = turn(monkeypatch, "x:terms=rain")
    process = psutil.Process(alive(spool))
    assert process.environ()["HASHTIDE_X_TOKEN_FILE"] == f"{tmp_path}/secrets/x_token"
    assert (tmp_path / "secrets" / "x_token").read_text().strip() == canary
    seen = [process.cmdline(), process.environ(), deferred.kwargs, deferred.trigger.serialize(), capsys.readouterr()]
    assert canary not in str(seen)


KAFKA = {"conn_type": "kafka", "host": "k:9092", "login": "us", "password": "canary-0123456789"}


def test_a_kafka_password_is_in_no_argument_no_environment_no_log(
    spool: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("hashtide_airflow.tokens.FOLDER", tmp_path / "secrets")
    extra = {"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN"}
    monkeypatch.setenv("AIRFLOW_CONN_HASHTIDE_KAFKA_WRITER", json.dumps({**KAFKA, "extra": extra}))
    monkeypatch.setattr(module, "environment", lambda **more: {"PATH": os.environ["PATH"], **more})
    deferred = turn(monkeypatch, "simulator")
    process = psutil.Process(alive(spool))
    words = process.cmdline()
    file = Path(words[words.index("--kafka-config") + 1])
    assert file == tmp_path / "secrets" / "lease" / "kafka-collector.json"
    assert KAFKA["password"] in file.read_text()
    seen = [words, process.environ(), deferred.kwargs, deferred.trigger.serialize(), capsys.readouterr()]
    assert KAFKA["password"] not in str(seen)


def test_a_kafka_connection_that_is_refused_does_not_stop_the_one_that_runs(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn(monkeypatch, "simulator")
    before = alive(spool)
    monkeypatch.setenv(
        "AIRFLOW_CONN_HASHTIDE_KAFKA", json.dumps({**KAFKA, "extra": {"security.protocol": "SASL_SSL", "acks": "0"}})
    )
    with pytest.raises(ValueError, match="unknown key acks"):
        turn(monkeypatch, "simulator:seed=2")
    assert alive(spool) == before


def asked(monkeypatch: pytest.MonkeyPatch, conf: dict[str, Any], usual: str = "simulator") -> TaskDeferred:
    """One run by hand, from its beginning."""
    monkeypatch.setenv("AIRFLOW_VAR_HASHTIDE_SOURCE", usual)
    context: Any = {"params": conf, "dag_run": SimpleNamespace(conf=conf)}
    with pytest.raises(TaskDeferred) as deferred:
        SuperviseCollector(task_id="collect").execute(context)
    return deferred.value


def test_a_manual_run_collects_its_own_source_and_the_next_run_the_usual_one(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn(monkeypatch, "simulator")
    deferred = asked(monkeypatch, {"source": "simulator:seed=9", "minutes": 2})
    assert starts(spool)[-1] == "simulator:seed=9,duration_s=120"
    assert isinstance(deferred.trigger, CollectorTrigger)
    assert deferred.trigger.source == ["simulator:seed=9,duration_s=120"]
    assert deferred.kwargs is not None
    assert deferred.kwargs["asked_for"] == ["simulator:seed=9,duration_s=120"]
    left_s = (datetime.fromisoformat(deferred.trigger.run_ends_at) - datetime.now(UTC)).total_seconds()
    assert 120 < left_s < 200
    turn(monkeypatch, "simulator")
    assert starts(spool) == ["simulator", "simulator:seed=9,duration_s=120", "simulator"]


def test_what_the_collector_refuses_does_not_stop_the_one_that_runs(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn(monkeypatch, "simulator")
    before = alive(spool)
    with pytest.raises(AirflowFailException, match=r"refused: .*'nonsense'"):
        asked(monkeypatch, {"source": "simulator:nonsense=1"})
    assert alive(spool) == before
    assert starts(spool) == ["simulator"]


def test_a_token_that_is_refused_does_not_stop_the_one_that_runs(
    spool: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("hashtide_airflow.tokens.FOLDER", tmp_path / "secrets")
    turn(monkeypatch, "simulator")
    before = alive(spool)
    monkeypatch.setenv("AIRFLOW_CONN_HASHTIDE_MASTODON", json.dumps({"conn_type": "http"}))
    with pytest.raises(ValueError, match="holds no token"):
        asked(monkeypatch, {"source": "mastodon:m.example"})
    assert alive(spool) == before
    assert starts(spool) == ["simulator"]


def test_a_public_server_by_form_is_collected_with_only_a_password_set(
    spool: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("hashtide_airflow.tokens.FOLDER", tmp_path / "secrets")
    connection = json.dumps({"conn_type": "http", "password": "for-all"})
    monkeypatch.setenv("AIRFLOW_CONN_HASHTIDE_MASTODON", connection)
    asked(monkeypatch, {"source": "mastodon:m.example"})
    assert starts(spool) == ["mastodon:m.example"]
    assert (tmp_path / "secrets" / "mastodon_token_by_form").read_text() == ""


def test_a_file_outside_of_the_forms_folder_does_not_stop_the_one_that_runs(
    spool: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    turn(monkeypatch, "simulator")
    before = alive(spool)
    monkeypatch.setenv("AIRFLOW_VAR_HASHTIDE_FORMS_DIR", str(tmp_path / "input"))
    with pytest.raises(AirflowFailException, match="lies below"):
        asked(monkeypatch, {"source": "file:/etc/passwd"})
    assert alive(spool) == before
