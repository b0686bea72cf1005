"""Deployment: addresses and passwords of one stack, and the paths that it can bear."""

from pathlib import Path

import pytest
from psycopg2.extensions import parse_dsn
from pydantic import SecretStr

from stack.config.deployment import Deployment, check_paths
from stack.config.errors import StackError
from stack.config.ports import DEFAULTS
from stack.config.settings import StackSettings
from stack.config.state_directory import StateDirectory
from stack.toolchain import Toolchain

PARTS = Toolchain(python=Path("/venv/bin/python"), java_home=Path("/java"), jars=Path("/jars"))


@pytest.fixture
def home(tmp_path: Path) -> StateDirectory:
    home = StateDirectory(tmp_path / "home")
    home.make()
    return home


def _site(home: StateDirectory, dsn: str | None = None) -> Deployment:
    deployment = Deployment(
        home, StackSettings(home=home.root, postgres_dsn=SecretStr(dsn) if dsn else None), dict(DEFAULTS), PARTS
    )
    deployment.secrets.ensure()
    return deployment


@pytest.mark.parametrize("name", ["with blank", "semi;colon", "ünïcode", "per%cent", 'quo"te', "com,ma"])
def test_a_home_whose_name_hadoop_cant_bear_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StackError, match="use a folder named with letters"):
        check_paths(StateDirectory(tmp_path / name))


def test_our_roles_reach_the_users_own_postgres_with_its_options_and_their_own_names(home: StateDirectory) -> None:
    deployment = _site(home, "host=db.example port=5433 user=boss password=p dbname=postgres sslmode=require")
    parts = parse_dsn(deployment.dsn("hashtide_reader"))
    assert parts == {
        "host": "db.example",
        "port": "5433",
        "user": "hashtide_reader",
        "password": deployment.secrets["hashtide_reader"],
        "dbname": "hashtide",
        "sslmode": "require",
    }
    assert not deployment.owns_postgres


def test_the_users_own_postgres_is_remembered_for_the_next_command(home: StateDirectory) -> None:
    _site(home, "host=db.example user=boss").keep_dsns()
    assert _site(home).own_dsn == "host=db.example user=boss"
    assert not _site(home).owns_postgres


def test_the_services_environment_holds_nothing_of_the_callers(
    home: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "PYTHONPATH",
        "AIRFLOW__CORE__FERNET_KEY",
        "HADOOP_OPTS",
        "HASHTIDE_POSTGRES_DSN",
        "JAVA_TOOL_OPTIONS",
    ):
        monkeypatch.setenv(name, "x")
    environment = _site(home).environment
    assert "x" not in environment.values()
    assert environment["JAVA_HOME"] == "/java"
