"""The shared commands on one machine; tests/stack/cluster/test_cli.py has them in containers."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from stack.commands import cli
from stack.config.deployment import Deployment
from stack.config.errors import StackError
from stack.config.ports import DEFAULTS
from stack.config.settings import StackSettings
from stack.config.state_directory import StateDirectory
from stack.observe.lags import Lags
from stack.observe.status import ServiceStatus, Status
from stack.toolchain import Toolchain


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    home = StateDirectory(tmp_path)
    home.make()
    found = Deployment(home, StackSettings(home=tmp_path), DEFAULTS, Toolchain(Path(), Path(), Path()))
    found.secrets.ensure()
    monkeypatch.setattr(cli.SupervisordBackend, "deployment", lambda _self, _home: found)
    return found


def hashtide(*words: str) -> Result:
    return CliRunner().invoke(cli.app, words)


@pytest.mark.parametrize("word", ["login", "status", "watch", "tail", "psql", "reports", "logs", "recount"])
def test_where_no_stack_was_started_every_command_says_so(tmp_path: Path, word: str) -> None:
    error = hashtide(word, "--home", str(tmp_path)).exception
    assert isinstance(error, StackError)
    assert "there is no stack in" in str(error)


def test_login_shows_where_and_who(here: Deployment) -> None:
    user, password = here.secrets.admin_login()
    said = hashtide("login").output
    assert [line.split() for line in said.splitlines()] == [
        ["Airflow", "http://127.0.0.1:8080"],
        ["user", user],
        ["password", password],
    ]


@pytest.mark.parametrize(("health", "exit_code"), [("healthy", 0), ("no answer", 1)])
def test_status_is_0_only_if_all_is_healthy(
    here: Deployment, monkeypatch: pytest.MonkeyPatch, health: str, exit_code: int
) -> None:
    services = [ServiceStatus("postgres", "Postgres", "running", health=health)]
    status = Status(str(here.home.root), here.public_url, services, Lags())
    monkeypatch.setattr(cli.SupervisordBackend, "status", lambda *_: status)
    assert hashtide("status").exit_code == exit_code


def test_reports_are_listed_with_their_folder(here: Deployment) -> None:
    assert "No report yet" in hashtide("reports").output
    day = here.home.reports / "2026-01-31"
    day.mkdir()
    (day / "hashtags.html").write_text("x" * 12_345)
    said = hashtide("reports").output.splitlines()
    assert said == ["2026-01-31/hashtags.html  12 kB", "", f"They are in {here.home.reports}"]


def test_logs_without_a_name_are_listed(here: Deployment) -> None:
    (here.home.root / "ports.json").write_text("{}")
    (here.home.logs / "kafka.log").write_text("started\n")
    place = ("--home", str(here.home.root))
    assert hashtide("logs", *place).output == "kafka\n"
    assert "there is no log 'zookeeper'; there are: kafka" in str(hashtide("logs", "zookeeper", *place).exception)
