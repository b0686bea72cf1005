"""The stages seen from outside: what cannot be seen is unknown, and unknown is not gone."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contract.source_address import SourceAddress, read_stored
from contract.spool.state import CollectorState
from stack.config.endpoints import Endpoints
from stack.observe.ledger import Ledger
from stack.observe.stages import Snapshot, Stages, shown_source
from tests.http_answers import HttpAnswers

pytest_plugins = ["tests.http_answers"]
NOBODY = "http://127.0.0.1:1"
FILE = (SourceAddress("file", ("a",)),)
STATE: dict[str, Any] = {
    "pid": 1,
    "source": "file:a",
    "status": "running",
    "error": None,
    "lines_read": 7,
    "records_acked": 5,
    "updated_at": "2026-01-31T00:00:00+00:00",
}


@pytest.fixture
def endpoints(tmp_path: Path, http_answers: HttpAnswers) -> Endpoints:
    url = http_answers.url
    return Endpoints(
        home=tmp_path,
        airflow_url=NOBODY,
        admin_login_file=tmp_path / "login",
        bootstrap_servers="127.0.0.1:1",
        topic="posts",
        namenode_url=url,
        count_log_url="webhdfs://there:1/hashtide/counts",
        resourcemanager_url=url,
        reader_dsn_file=tmp_path / "dsn",
        variables_file=tmp_path / "variables.json",
        spool_dir=tmp_path,
        reports_dir=tmp_path,
    )


def test_the_newest_batch_is_by_number_and_not_what_lies_aside(endpoints: Endpoints, http_answers: HttpAnswers) -> None:
    names = ["_aside", "batch=2", "batch=10", "batch=x"]
    http_answers.answers["/webhdfs/v1/hashtide/counts/generation=3?op=LISTSTATUS"] = {
        "FileStatuses": {"FileStatus": [{"pathSuffix": name} for name in names]}
    }
    assert Stages(endpoints, 3).newest_batch() == 10


def test_a_count_log_that_does_not_exist_yet_has_no_batch(endpoints: Endpoints) -> None:
    assert Stages(endpoints, 1).newest_batch() == -1


def test_the_streaming_jobs_submits_come_newest_first(endpoints: Endpoints, http_answers: HttpAnswers) -> None:
    def app(number: int, **fields: Any) -> dict[str, Any]:
        return {
            "id": f"a{number}",
            "state": "FINISHED",
            "finalStatus": "FAILED",
            "startedTime": number * 1000,
            **fields,
        }

    http_answers.answers["/ws/v1/cluster/apps?applicationTags=hashtide-count-g1"] = {"apps": {"app": [app(1), app(2)]}}
    found = Stages(endpoints, 1).applications()
    assert found is not None
    as_tuples = [(each.application_id, each.started_at_s, each.failed) for each in found]
    assert as_tuples == [("a2", 2.0, True), ("a1", 1.0, True)]


def test_no_submits_is_known_and_empty(endpoints: Endpoints, http_answers: HttpAnswers) -> None:
    http_answers.answers["/ws/v1/cluster/apps?applicationTags=hashtide-count-g1"] = {"apps": None}
    assert Stages(endpoints, 1).applications() == ()


@pytest.mark.parametrize("source", ["file:a", ["file:a"]], ids=["as older versions wrote it", "as it is"])
def test_the_collectors_words_are_read(endpoints: Endpoints, source: object) -> None:
    (endpoints.spool_dir / "state.json").write_text(json.dumps({**STATE, "source": source}))
    assert Stages(endpoints, 1).collector() == CollectorState(
        FILE, "running", None, "", 7, 5, pid=1, pid_started_at=0.0, updated_at=1769817600.0
    )


@pytest.mark.parametrize("content", ["", "{", "[]", '{"source": "file:a"}'])
def test_a_state_that_cannot_be_read_is_unknown(endpoints: Endpoints, content: str) -> None:
    (endpoints.spool_dir / "state.json").write_text(content)
    assert Stages(endpoints, 1).collector() is None


def test_services_that_do_not_answer_are_unknown(endpoints: Endpoints) -> None:
    endpoints.reader_dsn_file.write_text("host=127.0.0.1 port=1 user=nobody")
    away = replace(endpoints, namenode_url=NOBODY, resourcemanager_url=NOBODY)
    assert Stages(away, 1).snapshot() == Snapshot(None, None, None, None)


def test_a_heartbeat_is_no_progress() -> None:
    collector = CollectorState(FILE, "running", None, "", 7, 5, updated_at=1.0)
    earlier = Snapshot(collector, (), 1, Ledger())
    assert replace(earlier, collector=replace(collector, updated_at=2.0)).progress() == earlier.progress()
    assert replace(earlier, collector=replace(collector, lines_read=8)).progress() != earlier.progress()


@pytest.mark.parametrize(
    ("source", "collects", "shown"),
    [
        ("auto", "jetstream-0a1b2c3d", "auto (jetstream)"),
        ("auto:overlap_s=1 x", "several-simulator-x-0a1b2c3d", "auto:overlap_s=1 x (simulator)"),
        ("auto", "", "auto"),
        ("simulator", "simulator-seed1-0a1b2c3d", "simulator"),
    ],
)
def test_of_auto_one_sees_which_it_is(source: str, collects: str, shown: str) -> None:
    assert shown_source(CollectorState(read_stored(source), "running", collects=collects)) == shown
