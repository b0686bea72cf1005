"""Site: addresses and passwords of one stack, and the paths that it can bear."""

from pathlib import Path

import pytest
from psycopg2.extensions import parse_dsn
from pydantic import SecretStr

from stack.errors import StackError
from stack.home import Home
from stack.parts import Parts
from stack.ports import DEFAULTS
from stack.settings import Settings
from stack.site import Site, check_paths

PARTS = Parts(python=Path("/venv/bin/python"), java_home=Path("/java"), jars=Path("/jars"))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make()
    return home


def _site(home: Home, dsn: str | None = None) -> Site:
    site = Site(home, Settings(home=home.root, postgres_dsn=SecretStr(dsn) if dsn else None), dict(DEFAULTS), PARTS)
    site.secrets.ensure()
    return site


@pytest.mark.parametrize("name", ["with blank", "semi;colon", "ünïcode", "per%cent", 'quo"te', "com,ma"])
def test_a_home_whose_name_hadoop_cant_bear_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StackError, match="use a folder named with letters"):
        check_paths(Home(tmp_path / name))


def test_our_roles_reach_the_users_own_postgres_with_its_options_and_their_own_names(home: Home) -> None:
    site = _site(home, "host=db.example port=5433 user=boss password=p dbname=postgres sslmode=require")
    parts = parse_dsn(site.dsn("hashtide_reader"))
    assert parts == {
        "host": "db.example",
        "port": "5433",
        "user": "hashtide_reader",
        "password": site.secrets["hashtide_reader"],
        "dbname": "hashtide",
        "sslmode": "require",
    }
    assert not site.owns_postgres


def test_the_users_own_postgres_is_remembered_for_the_next_command(home: Home) -> None:
    _site(home, "host=db.example user=boss").keep_dsns()
    assert _site(home).own_dsn == "host=db.example user=boss"
    assert not _site(home).owns_postgres


def test_the_services_environment_holds_nothing_of_the_callers(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
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
