"""The registry of sources: what it names is there, and a network that is added to it is known everywhere."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from contract.sources import NOTES, SOURCES, Dialect, dialects

REPO = Path(__file__).resolve().parents[2]

RUMOUR = '''
"""A network: the class that reads it, and the format of its posts."""
import threading
from collecting.source_api import Line, source_id
from formats.parsed import Parsed

class RumourSource:
    replayable, cursor_inclusive = False, False

    def __init__(self, topic):
        self.source_id = source_id("rumour", topic, topic)

    @classmethod
    def from_address(cls, address, selection):
        address.refuse_unknown({"loud"})
        return cls(address.items[0])

    def read(self, after, stop):
        yield Line("1", b"psst", "rumour")

SOURCE = "rumour"

def parse(raw):
    return Parsed("post", SOURCE, post_id="rumour:1", text=raw.decode())

def post_id(raw):
    return "rumour:1"
'''
ENTRY = """
from contract.sources import SOURCES, Dialect, SourceKind
dialect = Dialect("rumour", "The mill", "rumour", 99)
SOURCES["rumour"] = SourceKind("rumour.RumourSource", "rumour:TOPIC", dialect, tokens="one")
"""


@pytest.mark.parametrize("kind", SOURCES)
def test_each_kind_has_a_class_that_is_made_from_an_address(kind: str) -> None:
    module, _, name = SOURCES[kind].class_path.rpartition(".")
    assert callable(getattr(importlib.import_module(module), name).from_address)


@pytest.mark.parametrize("dialect", [*dialects().values(), NOTES], ids=lambda each: each.name)
def test_each_dialect_has_a_module_that_parses_it(dialect: Dialect) -> None:
    module = importlib.import_module(dialect.format)
    assert dialect.name == module.SOURCE
    assert callable(module.parse)


def test_the_codes_of_dialects_in_the_spool_never_change() -> None:
    codes = {each.name: each.code for each in (*dialects().values(), NOTES)}
    assert codes.items() >= {"x": 1, "jetstream": 2, "mastodon": 3, "text": 4, "hashtide": 5}.items()


@pytest.fixture
def added(tmp_path: Path) -> dict[str, str]:
    """The environment of a process that has one network more: a file and an entry."""
    (tmp_path / "rumour.py").write_text(RUMOUR)
    (tmp_path / "sitecustomize.py").write_text(ENTRY)
    path = [str(each) for each in (tmp_path, REPO, REPO / "jobs", REPO / "plugins")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}


def run(environment: dict[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=REPO, env=environment, capture_output=True, text=True, timeout=120, check=False)


def answer(environment: dict[str, str], code: str) -> object:
    done = run(environment, "-c", f"import json\n{code}\nprint(json.dumps(found))")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_an_added_network_is_checked_by_the_collector(added: dict[str, str]) -> None:
    assert run(added, "jobs/collect.py", "--check", "--source", "rumour:today").returncode == 0
    assert "unknown key 'soft'" in run(added, "jobs/collect.py", "--check", "--source", "rumour:a,soft=1").stderr


def test_an_added_network_is_a_source_of_up(added: dict[str, str], tmp_path: Path) -> None:
    up = ["-m", "stack.commands.cli", "up", "--home", str(tmp_path / "home")]
    assert "rumour:today never ends" in run(added, *up, "--source", "rumour:today", "--until-done").stderr
    assert "rumour:TOPIC" in " ".join(run(added, *up, "--help").stdout.split())


def test_an_added_network_is_in_the_forms(added: dict[str, str]) -> None:
    code = """
import re
from hashtide_airflow import collect_request, report_request
found = [
    bool(re.search(collect_request.PARAMS["source"].schema["pattern"], "rumour:today")),
    str(collect_request.checked({"source": "rumour:today"}, {}).source),
    "rumour" in report_request.PARAMS["source"].schema["enum"],
]
"""
    assert answer(added, code) == [True, "rumour:today", True]


def test_an_added_network_has_its_token_from_its_own_connection(added: dict[str, str], tmp_path: Path) -> None:
    environment = {
        **added,
        "HASHTIDE_SECRETS_DIR": str(tmp_path / "secrets"),
        "AIRFLOW_CONN_HASHTIDE_RUMOUR": json.dumps({"conn_type": "http", "password": "canary-0123456789"}),
    }
    code = """
from contract.source_address import read_stored
from hashtide_airflow.tokens import token_files
found = token_files(read_stored("rumour:today"))
"""
    assert answer(environment, code) == {"HASHTIDE_RUMOUR_TOKEN_FILE": str(tmp_path / "secrets" / "rumour_token")}


def test_an_added_network_is_counted_reported_and_kept_in_the_spool(added: dict[str, str]) -> None:
    code = """
import formats
from collecting.sources.file import DIALECTS
from collecting.spool.segments import _DIALECTS, _DIALECT_CODES
from contract.job_requests import ReportRequest
from reporting import wording
found = [
    formats.parse("rumour", b"psst").source,
    formats.post_key("rumour", b"psst"),
    wording.source("rumour"),
    ReportRequest(day="2026-01-31", source="rumour").stem,
    _DIALECTS[_DIALECT_CODES["rumour"]],
    "rumour" in DIALECTS,
]
"""
    assert answer(added, code) == ["rumour", "rumour:1", "The mill", "hashtags_source-rumour", "rumour", True]
