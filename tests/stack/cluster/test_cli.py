"""The command inside the containers: what it says, what it refuses, and that looking changes nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from contract.source_address import shown
from stack.cluster import cli, services
from stack.cluster.hints import ClusterHints
from stack.commands import first_run, psql, tail
from stack.config.deployment import Deployment
from stack.config.endpoints import Endpoints
from stack.config.errors import StackError
from stack.config.ports import DEFAULTS
from stack.config.settings import StackSettings
from stack.config.state_directory import StateDirectory
from stack.config.variables import read_variables, set_variable
from stack.observe.lags import Lags
from stack.observe.status import ServiceStatus, Status
from stack.toolchain import Toolchain

HOSTS = {
    "airflow": "airflow-api-server",
    "postgres": "postgres",
    "kafka": "kafka-1,kafka-2,kafka-3",
    "namenode": "namenode",
    "datanode": "here",
    "resourcemanager": "resourcemanager",
    "nodemanager": "here",
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """The cluster as a container of Airflow's sees it, once `setup` is done."""
    home = StateDirectory(tmp_path)
    home.make()
    settings = StackSettings(home=tmp_path, airflow_url="https://counts.example")
    found = Deployment(home, settings, DEFAULTS, Toolchain(Path(), Path(), Path()), HOSTS, cluster=True)
    found.secrets.ensure()
    set_variable(home.variables_file, "hashtide_source", "simulator:posts=100")
    monkeypatch.setattr(cli, "deployment", lambda _home: found)
    return found


def hashtide(*words: str) -> Result:
    return CliRunner().invoke(cli.app, words)


def test_the_cluster_is_asked_at_its_names_and_as_who_may_read(here: Deployment) -> None:
    endpoints = here.endpoints
    assert endpoints.airflow_url == "http://airflow-api-server:8080"
    assert endpoints.bootstrap_servers == "kafka-1:9092,kafka-2:9092,kafka-3:9092"
    assert endpoints.kafka_config == here.home.secrets / "kafka-counter.json"
    assert endpoints.namenode_url == "http://namenode:9870"
    assert endpoints.resourcemanager_url == "http://resourcemanager:8088"


def test_login_shows_where_and_who(here: Deployment) -> None:
    user, password = here.secrets.admin_login()
    said = hashtide("login").output
    assert [line.split() for line in said.splitlines()] == [
        ["Airflow", "https://counts.example"],
        ["user", user],
        ["password", password],
    ]


@pytest.mark.parametrize("word", ["login", "status", "watch", "tail", "psql", "reports", "recount"])
def test_before_setup_is_done_every_command_says_so(here: Deployment, word: str) -> None:
    here.home.variables_file.unlink()
    error = hashtide(word).exception
    assert isinstance(error, StackError)
    assert "docker compose logs setup" in str(error)


@pytest.mark.parametrize(("health", "exit_code"), [("healthy", 0), ("no answer", 1)])
def test_status_is_0_only_if_all_is_healthy(
    here: Deployment, monkeypatch: pytest.MonkeyPatch, health: str, exit_code: int
) -> None:
    asked: list[object] = []

    def gather(deployment: Deployment, generation: int) -> Status:
        asked.append((deployment, generation))
        return Status(
            "/home", deployment.public_url, [ServiceStatus("postgres", "Postgres", "running", health=health)], Lags()
        )

    set_variable(here.home.variables_file, "hashtide_generation", "3")
    monkeypatch.setattr(services, "gather", gather)
    shown, told = hashtide("status"), hashtide("status", "--json")
    assert (shown.exit_code, told.exit_code) == (exit_code, exit_code)
    assert f"Postgres running {health}" in " ".join(shown.output.split())
    assert json.loads(told.output)["healthy"] is (exit_code == 0)
    assert asked == [(here, 3)] * 2


class Watched:
    """Stands for the main job: keeps what it was asked, and whether it would write the source."""

    def __init__(self) -> None:
        self.options: first_run.Options | None = None

    def run(self, _endpoints: Endpoints, options: first_run.Options, _report: object) -> int:
        self.options = options
        return 1


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    watched = Watched()
    monkeypatch.setattr(first_run, "run", watched.run)
    return watched


def test_watch_looks_at_what_flows_and_hands_on_how_it_ended(here: Deployment, watched: Watched) -> None:
    assert hashtide("watch", "--until-done").exit_code == 1
    options = watched.options
    assert options is not None
    assert (shown(options.source), options.until_done) == ("simulator:posts=100", True)
    assert options.hints == ClusterHints(here.endpoints, "https://counts.example")


@pytest.mark.parametrize("flows", ["simulator", "jetstream", "auto", "file:a.jsonl jetstream"])
def test_an_end_that_never_comes_is_refused_and_no_source_is_cut(
    here: Deployment, watched: Watched, flows: str
) -> None:
    set_variable(here.home.variables_file, "hashtide_source", flows)
    error = hashtide("watch", "--until-done").exception
    assert isinstance(error, StackError)
    assert "never ends" in str(error)
    assert watched.options is None
    assert read_variables(here.home.variables_file)["hashtide_source"] == flows


@pytest.mark.usefixtures("here")
def test_another_source_flows_only_where_one_is_named(watched: Watched) -> None:
    hashtide("watch", "--source", "simulator:seed=3", "--source", "tcp:there:5")
    assert watched.options is not None
    assert list(map(str, watched.options.source)) == ["simulator:seed=3", "tcp:there:5"]
    hashtide("watch", "--until-done", "--source", "simulator:seed=3")
    assert shown(watched.options.source) == "simulator:posts=20000,seed=3"


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("source", "why"),
    [(" ", "--source is empty"), ("rumour:today", "--source: "), ("file:/nowhere.jsonl", "there is no file")],
)
def test_an_invalid_source_is_refused(watched: Watched, source: str, why: str) -> None:
    assert why in str(hashtide("watch", "--source", source).exception)
    assert watched.options is None


def test_tail_and_psql_go_to_the_cluster(here: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def answer(*words: object, **keys: object) -> int:
        asked.append((words, keys))
        return 4

    monkeypatch.setattr(tail, "run", answer)
    monkeypatch.setattr(psql, "run", answer)
    assert hashtide("tail", "-n", "7", "-f").exit_code == 4
    assert hashtide("psql", "-c", "select 1").exit_code == 4
    assert asked == [((here.endpoints, 7), {"follow": True}), ((here.endpoints.reader_dsn_file, "select 1"), {})]


def test_reports_are_listed_with_the_way_to_take_them_out(here: Deployment) -> None:
    assert "No report yet" in hashtide("reports").output
    day = here.home.reports / "2026-01-31"
    day.mkdir()
    (day / "hashtags.html").write_text("x" * 12_345)
    (day / ".hashtags.html.half").write_text("x")
    said = hashtide("reports").output.splitlines()
    assert said[0] == "2026-01-31/hashtags.html  12 kB"
    assert said[-1].endswith(f'docker cp "$(docker compose ps -q airflow-scheduler):{here.home.reports}" .')
    assert len(said) == 3


@pytest.mark.usefixtures("here")
def test_logs_that_docker_has_are_not_ours() -> None:
    assert "docker compose logs kafka-1" in str(hashtide("logs", "kafka-1").exception)
    assert "has not begun" in str(hashtide("logs", "collect").exception)
    assert "--follow is for `collect`" in str(hashtide("logs", "count", "-f").exception)


def test_hints_name_what_works_from_outside(here: Deployment) -> None:
    hints = ClusterHints(here.endpoints, here.public_url)
    assert hints.status == "docker compose exec airflow-scheduler hashtide status"
    assert hints.logs("count") == "docker compose exec airflow-scheduler hashtide logs count"
    assert hints.logs("kafka") == "docker compose logs kafka-1 kafka-2 kafka-3"
    assert hints.logs("airflow-dag-processor") == "docker compose logs airflow-dag-processor"
    assert hints.airflow_url == "https://counts.example"
    assert hints.report(Path("/there")) == "/there\ndocker compose exec airflow-scheduler hashtide reports"
    assert hints.login == "docker compose exec airflow-scheduler hashtide login"
