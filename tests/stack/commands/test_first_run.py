"""The first run against a small world of its own: Airflow, the stages and Postgres as plain objects that move on."""

import io
import json
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from contract.names import COMPACT_DAG, REPORT_DAG
from contract.source_address import read_stored
from contract.spool.state import CollectorState
from stack.commands import first_run
from stack.commands.airflow_api import AirflowAwayError, FailedTask, Run
from stack.commands.first_run import DAGS, Options, run
from stack.config.endpoints import Endpoints
from stack.config.hints import Hints
from stack.config.variables import read_variables, set_variable
from stack.observe.audit import Books
from stack.observe.ledger import Ledger, LedgerRange
from stack.observe.progress import Steps
from stack.observe.stages import Application, Snapshot
from stack.observe.topic_recount import PartitionRecount, TopicRecount

SOURCE = "simulator:posts=100"
DAY = date(2026, 1, 31)
RUNNING = Application("application_1_0001", "RUNNING", "UNDEFINED", 0.0, "")


@dataclass
class World:
    """What the fakes show and what was asked of them. A compaction takes over all committed batches."""

    lines: int = 100
    batches: int = 1
    finished: bool = True
    compacted: int = 0
    source: str = SOURCE
    unparsed: int = 0
    failing_dag: str = ""
    lost_posts: int = 0
    away: bool = False
    running_elsewhere: list[Run] = field(default_factory=list)
    calls: list[tuple[str, dict[str, Any] | None]] = field(default_factory=list)
    waited_for: list[str] = field(default_factory=list)
    looks: int = 0
    commits_at_look: int = 0  # a new batch is committed when the stages are looked at so often; 0: never

    @property
    def ledger(self) -> Ledger:
        records = self.compacted * self.lines // max(self.batches, 1)
        return Ledger(
            records=records,
            posts=records - self.lost_posts,
            last_batch=self.compacted - 1,
            ranges=(LedgerRange(0, 0, records),),
        )


class FakeApi:
    def __init__(self, world: World) -> None:
        self.world = world

    def unpause(self, dag_id: str) -> bool:
        if self.world.away:
            raise AirflowAwayError("Airflow does not answer at http://there")
        if self.world.unparsed:
            self.world.unparsed -= 1
            return False
        self.world.calls.append((f"unpause {dag_id}", None))
        return True

    def import_errors(self) -> list[str]:
        return ["broken.py: NameError"]

    def unfinished_runs(self, dag_id: str) -> list[Run]:
        return [each for each in self.world.running_elsewhere if each.dag_id == dag_id]

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None) -> Run:
        assert not self.unfinished_runs(dag_id), "never two at once"
        self.world.calls.append((dag_id, conf))
        return Run(dag_id, "mine", "queued")

    def run(self, dag_id: str, run_id: str) -> Run:
        self.world.waited_for.append(run_id)
        self.world.running_elsewhere = [each for each in self.world.running_elsewhere if each.run_id != run_id]
        failed = dag_id == self.world.failing_dag
        if dag_id == COMPACT_DAG and not failed:
            self.world.compacted = self.world.batches
        return Run(dag_id, run_id, "failed" if failed else "success")

    def failed_tasks(self, run: Run) -> list[FailedTask]:
        return [FailedTask(run.dag_id, "the_task", 1, ["first", "the last word"])]


class FakeStages:
    generation = 1

    def __init__(self, world: World) -> None:
        self.world = world

    def collector(self) -> CollectorState:
        status = "finished" if self.world.finished else "running"
        lines = self.world.lines
        return CollectorState(read_stored(self.world.source), status, None, "", lines, lines)

    def newest_batch(self) -> int:
        return self.world.batches - 1

    def snapshot(self) -> Snapshot:
        self.world.looks += 1
        if self.world.looks == self.world.commits_at_look:
            self.world.batches += 1
        return Snapshot(self.collector(), (RUNNING,), self.world.batches - 1, self.world.ledger)

    def end_offsets(self) -> dict[int, int]:
        return {0: self.world.lines}


class Said(Steps):
    """Steps that keep what they were told."""

    def __init__(self) -> None:
        self.out = io.StringIO()
        super().__init__(Console(file=self.out, width=160))
        self.steps: list[str] = []

    def started(self, step: str, total_bytes: int | None = None) -> None:
        super().started(step, total_bytes)
        self.steps.append(step)

    def detail(self, step: str, text: str) -> None:
        """Nothing kept."""

    def done(self, step: str, detail: str = "") -> None:
        """Nothing kept."""

    def say(self, line: str) -> None:
        self.out.write(line + "\n")

    @property
    def text(self) -> str:
        return self.out.getvalue()


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def endpoints(tmp_path: Path) -> Endpoints:
    variables = tmp_path / "variables.json"
    variables.write_text('{"hashtide_generation": "1", "kept": "ü"}')
    urls = dict.fromkeys(("airflow_url", "namenode_url", "count_log_url", "resourcemanager_url"), "http://there")
    paths = {
        name: tmp_path / name for name in ("home", "admin_login_file", "reader_dsn_file", "spool_dir", "reports_dir")
    }
    return Endpoints(**urls, **paths, bootstrap_servers="there:1", topic="posts", variables_file=variables)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def fakes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def books(*_: object) -> Books:
        return Books(
            world.lines, TopicRecount({0: PartitionRecount(0, world.lines, world.lines)}, world.lines), world.ledger
        )

    for name, fake in {
        "AirflowApi": lambda *_: FakeApi(world),
        "Stages": lambda *_: FakeStages(world),
        "busiest_day": lambda *_: DAY if world.compacted else None,
        "top_hashtags": lambda *_: [("first", 40, 0.4), ("[bold]second", 10, 0.1)],
        "close_the_books": books,
        "POLL_INTERVAL_S": 0.0,
        "PARSED_WITHIN_S": 0.2,
    }.items():
        monkeypatch.setattr(first_run, name, fake)


def test_counts_reports_and_closes_the_books_of_a_finite_source(endpoints: Endpoints, world: World, said: Said) -> None:
    assert run(endpoints, Options(read_stored(SOURCE), until_done=True), said) == 0
    assert world.calls[: len(DAGS)] == [(f"unpause {dag_id}", None) for dag_id in DAGS]
    assert world.calls[len(DAGS) :] == [(COMPACT_DAG, None), (REPORT_DAG, {"day": "2026-01-31"})]
    assert "#[bold]second" in said.text, "a term is no markup"
    assert "Simulated posts: made by Hashtide's simulator" in said.text
    assert "100 records, 100 identities" in said.text


def test_books_that_do_not_balance_fail_and_say_why(endpoints: Endpoints, world: World, said: Said) -> None:
    world.lost_posts = 1
    assert run(endpoints, Options(read_stored(SOURCE), until_done=True), said) == 1
    assert "✗ 99 records are counted or listed, the topic holds 100 distinct keys" in said.text


def test_a_finished_source_counted_before_is_reported_without_another_compaction(
    endpoints: Endpoints, world: World, said: Said
) -> None:
    world.compacted = world.batches
    assert run(endpoints, Options(read_stored(SOURCE), until_done=True), said) == 0
    assert [dag_id for dag_id, _ in world.calls if dag_id == COMPACT_DAG] == []


def test_a_compaction_that_runs_already_is_waited_for(endpoints: Endpoints, world: World, said: Said) -> None:
    world.running_elsewhere = [Run(COMPACT_DAG, "scheduled", "running")]
    assert run(endpoints, Options(read_stored(SOURCE), until_done=True), said) == 0
    assert world.waited_for[0] == "scheduled"


def test_an_endless_source_returns_with_the_first_counts(endpoints: Endpoints, world: World, said: Said) -> None:
    world.finished, world.source, world.batches = False, "simulator", 2
    world.compacted, world.commits_at_look = 1, 4
    assert run(endpoints, Options(read_stored("simulator")), said) == 0
    assert world.compacted == 3, "batches that were committed before prove nothing of this start"
    assert "First counts were in Postgres after" in said.text


def test_an_endless_simulator_is_cut_where_the_end_is_waited_for(
    endpoints: Endpoints, world: World, said: Said
) -> None:
    world.source = "simulator:posts=20000,seed=7"
    assert run(endpoints, Options(read_stored("simulator:seed=7"), until_done=True), said) == 0
    assert "with --until-done it is simulator:posts=20000,seed=7" in said.text
    assert read_variables(endpoints.variables_file)["hashtide_source"] == '["simulator:posts=20000,seed=7"]'


def test_the_source_is_written_and_the_other_variables_stay(endpoints: Endpoints, said: Said) -> None:
    run(endpoints, Options(read_stored(SOURCE)), said)
    assert json.loads(endpoints.variables_file.read_text()) == {
        "hashtide_generation": "1",
        "kept": "ü",
        "hashtide_source": f'["{SOURCE}"]',
    }


def test_variables_that_need_no_change_are_not_written_again(
    endpoints: Endpoints, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_variable(endpoints.variables_file, "hashtide_source", SOURCE)
    monkeypatch.setattr(first_run, "set_variable", lambda *_: pytest.fail("another may be writing them"))
    assert run(endpoints, Options(()), said) == 0


def test_messages_name_the_commands_that_people_have(endpoints: Endpoints, world: World, said: Said) -> None:
    class Elsewhere(Hints):
        airflow_url = "http://elsewhere"
        login = "at the door"

        def logs(self, name: str) -> str:
            return f"the diary of {name}"

    world.failing_dag = REPORT_DAG
    assert run(endpoints, Options(read_stored(SOURCE), hints=Elsewhere(endpoints)), said) == 1
    assert "is at http://elsewhere/dags/report_hashtags/runs/mine" in said.text
    assert "the diary of airflow-scheduler" in said.text
    assert "./hashtide" not in said.text
    world.failing_dag = ""
    assert run(endpoints, Options(read_stored(SOURCE), hints=Elsewhere(endpoints)), said) == 0
    assert "at the door" in said.text


def test_no_source_given_keeps_the_one_that_flows(endpoints: Endpoints, world: World, said: Said) -> None:
    set_variable(endpoints.variables_file, "hashtide_source", "simulator:seed=3")
    world.source = "simulator:seed=3"
    assert run(endpoints, Options(()), said) == 0
    assert read_variables(endpoints.variables_file)["hashtide_source"] == "simulator:seed=3"


def test_a_missing_file_is_refused_before_anything_runs(endpoints: Endpoints, world: World, said: Said) -> None:
    assert run(endpoints, Options(read_stored("file:nowhere.jsonl")), said) == 1
    assert "there is no file" in said.text
    assert world.calls == []


def test_waits_for_dags_that_are_not_parsed_yet(endpoints: Endpoints, world: World, said: Said) -> None:
    world.unparsed = 6
    assert run(endpoints, Options(read_stored(SOURCE)), said) == 0


def test_missing_dags_are_reported_with_their_import_errors(endpoints: Endpoints, world: World, said: Said) -> None:
    world.unparsed = 10**9
    assert run(endpoints, Options(read_stored(SOURCE)), said) == 1
    assert "Airflow has not parsed collect_posts, count_posts" in said.text
    assert "broken.py: NameError" in said.text


def test_a_failed_compaction_names_dag_task_and_last_words(endpoints: Endpoints, world: World, said: Said) -> None:
    world.failing_dag = COMPACT_DAG
    assert run(endpoints, Options(read_stored(SOURCE)), said) == 1
    assert "compact_counts failed, task the_task: the last word" in said.text
    assert "./hashtide logs" in said.text


def test_airflow_away_is_one_line_and_a_failure(endpoints: Endpoints, world: World, said: Said) -> None:
    world.away = True
    assert run(endpoints, Options(read_stored(SOURCE)), said) == 1
    assert said.text == "✗ Airflow does not answer at http://there\n"


def test_no_counts_within_the_patience_is_a_failure_that_says_where_it_stands(
    endpoints: Endpoints, world: World, said: Said
) -> None:
    world.batches, world.finished = 0, False
    assert run(endpoints, replace(Options(read_stored("simulator")), timeout_s=0.05), said) == 1
    assert "no counts in 0 s (collect: 100 lines · count: running, 0 batches · compact: 0 records)" in said.text


def test_another_sources_end_is_not_ours(endpoints: Endpoints, world: World, said: Said) -> None:
    world.source = "simulator:posts=5"
    options = replace(Options(read_stored(SOURCE), until_done=True), stall_timeout_s=0.05)
    assert run(endpoints, options, said) == 1
    assert "nothing has moved" in said.text
