"""How the cluster's services do: what Kafka, Hadoop and Airflow say of their members, over real HTTP."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from stack.cluster import services
from stack.cluster.brokers import Brokers, BrokersAwayError
from stack.cluster.services import airflow, brokers, collector, gather, hdfs, postgres, yarn
from stack.config.deployment import Deployment
from stack.config.endpoints import Endpoints
from stack.config.ports import DEFAULTS, LOOPBACK
from stack.config.settings import StackSettings
from stack.config.state_directory import StateDirectory
from stack.observe.lags import Lags
from stack.observe.status import ServiceStatus
from stack.toolchain import Toolchain
from tests.http_answers import HttpAnswers
from tests.postgres import Database

pytest_plugins = ["tests.http_answers"]
NAMENODE_INFO = "/jmx?qry=Hadoop:service=NameNode,name=NameNodeInfo"
UNKNOWN = "unknown: the NameNode does not answer"


@pytest.fixture
def endpoints(tmp_path: Path, http_answers: HttpAnswers) -> Endpoints:
    url = http_answers.url
    return Endpoints(
        home=tmp_path,
        airflow_url=url,
        admin_login_file=tmp_path / "login",
        bootstrap_servers="kafka-1:9092,kafka-2:9092,kafka-3:9092",
        topic="posts",
        namenode_url=url,
        count_log_url="",
        resourcemanager_url=url,
        reader_dsn_file=tmp_path / "dsn",
        variables_file=tmp_path / "variables.json",
        spool_dir=tmp_path,
        reports_dir=tmp_path,
    )


def healths(rows: list[ServiceStatus]) -> dict[str, str]:
    """Title → health."""
    return {row.title: row.health for row in rows}


def namenode(living: Mapping[str, float], **more: Any) -> dict[str, Any]:
    """What a NameNode says: DataNodes and the seconds since their last words."""
    nodes = {f"{name}:9866": {"lastContact": silent_s} for name, silent_s in living.items()}
    return {"beans": [{"Safemode": "", "NumberOfMissingBlocks": 0, "LiveNodes": json.dumps(nodes), **more}]}


def put_yarn(server: HttpAnswers, *nodes: tuple[str, str]) -> None:
    server.answers["/ws/v1/cluster/info"] = {"clusterInfo": {"state": "STARTED"}}
    server.answers["/ws/v1/cluster/nodes"] = {
        "nodes": {"node": [{"nodeHostName": name, "state": state, "numContainers": 2} for name, state in nodes]}
    }


def test_a_datanode_is_healthy_while_the_namenode_hears_of_it(endpoints: Endpoints, http_answers: HttpAnswers) -> None:
    http_answers.answers[NAMENODE_INFO] = namenode({"datanode-1": 2})
    assert healths(hdfs(endpoints)) == {
        "HDFS NameNode": "healthy",
        "HDFS DataNode 1": "healthy",
        "HDFS DataNode 2": "is not known to the NameNode",
    }
    http_answers.answers[NAMENODE_INFO] = namenode({"datanode-1": 31, "datanode-2": 0, "datanode-3": 0})
    assert healths(hdfs(endpoints)) == {
        "HDFS NameNode": "healthy",
        "HDFS DataNode 1": "is silent for 31 s",
        "HDFS DataNode 2": "healthy",
        "HDFS DataNode 3": "healthy",
    }


@pytest.mark.parametrize(
    ("about", "health"),
    [
        ({"Safemode": "Safe mode is ON. The reported blocks 0 …"}, "Safe mode is ON"),
        ({"NumberOfMissingBlocks": 3}, "3 blocks are on no living DataNode"),
        ({"LiveNodes": "no JSON"}, "not understood: JSONDecodeError: Expecting value: line 1 column 1 (char 0)"),
    ],
)
def test_a_namenode_that_takes_no_writes_or_misses_blocks_is_not_healthy(
    endpoints: Endpoints, http_answers: HttpAnswers, about: dict[str, Any], health: str
) -> None:
    http_answers.answers[NAMENODE_INFO] = namenode({"datanode-1": 0, "datanode-2": 0}, **about)
    assert healths(hdfs(endpoints))["HDFS NameNode"] == health


def test_datanodes_are_unknown_where_the_namenode_is_away_or_starting(
    endpoints: Endpoints, http_answers: HttpAnswers
) -> None:
    assert healths(hdfs(endpoints)) == {
        "HDFS NameNode": "HTTP 404",
        "HDFS DataNode 1": UNKNOWN,
        "HDFS DataNode 2": UNKNOWN,
    }
    http_answers.answers[NAMENODE_INFO] = {"beans": []}
    assert healths(hdfs(endpoints))["HDFS NameNode"] == "is starting"


def test_every_nodemanager_has_a_row_and_its_containers(endpoints: Endpoints, http_answers: HttpAnswers) -> None:
    put_yarn(http_answers, ("b1", "RUNNING"), ("a2", "UNHEALTHY"), ("c3", "LOST"), ("d4", "SHUTDOWN"))
    rows = yarn(endpoints, lambda: 1)
    assert [row.title for row in rows] == [
        "YARN ResourceManager",
        "YARN NodeManager a2",
        "YARN NodeManager b1",
        "YARN NodeManager c3",
    ]
    assert [row.containers for row in rows] == [None, 2, 2, 2]
    found = healths(rows)
    assert found["YARN ResourceManager"] == found["YARN NodeManager b1"] == "healthy"
    assert found["YARN NodeManager a2"] == "unhealthy"
    assert "is lost" in found["YARN NodeManager c3"]


def test_a_nodemanager_that_runs_and_is_unknown_is_not_overlooked(
    endpoints: Endpoints, http_answers: HttpAnswers
) -> None:
    put_yarn(http_answers, ("a1", "RUNNING"))
    assert healths(yarn(endpoints, lambda: 3))["YARN NodeManager (2 more)"] == "not known to the ResourceManager"
    put_yarn(http_answers)
    assert healths(yarn(endpoints, lambda: 0))["YARN NodeManager"] == "none is there"
    http_answers.answers["/ws/v1/cluster/nodes"] = {"nodes": None}
    assert healths(yarn(endpoints, lambda: 0))["YARN NodeManager"] == "none is there"


def test_a_resourcemanager_that_starts_or_is_away_says_so(endpoints: Endpoints, http_answers: HttpAnswers) -> None:
    assert healths(yarn(endpoints)) == {"YARN ResourceManager": "HTTP 404"}
    http_answers.answers["/ws/v1/cluster/info"] = {"clusterInfo": {"state": "INITED"}}
    assert healths(yarn(endpoints)) == {"YARN ResourceManager": "is starting"}
    http_answers.answers["/ws/v1/cluster/info"] = "<html>"
    assert healths(yarn(endpoints)) == {
        "YARN ResourceManager": "not understood: JSONDecodeError: Expecting value: line 1 column 1 (char 0)"
    }


def test_airflows_processes_are_judged_by_their_heartbeats(endpoints: Endpoints, http_answers: HttpAnswers) -> None:
    fine = {"status": "healthy"}
    http_answers.answers["/api/v2/monitor/health"] = {
        "metadatabase": fine,
        "scheduler": {"status": "unhealthy"},
        "triggerer": fine,
        "dag_processor": None,
    }
    assert healths(airflow(endpoints)) == {
        "Airflow API server": "healthy",
        "Airflow scheduler": "no heartbeat",
        "Airflow DAG processor": "no heartbeat",
        "Airflow triggerer": "healthy",
    }
    del http_answers.answers["/api/v2/monitor/health"]
    found = healths(airflow(endpoints))
    assert found["Airflow API server"] == "HTTP 404"
    assert found["Airflow triggerer"] == "unknown: the API server does not answer"


@pytest.mark.postgres
def test_postgres_answers_the_reader(endpoints: Endpoints, database: Database) -> None:
    endpoints.reader_dsn_file.write_text(database.reader)
    assert healths(postgres(endpoints)) == {"Postgres": "healthy"}


@pytest.mark.parametrize("dsn", [None, "host=127.0.0.1 port=1 user=nobody password=canary"])
def test_an_unreachable_postgres_is_one_line_without_the_password(endpoints: Endpoints, dsn: str | None) -> None:
    if dsn:
        endpoints.reader_dsn_file.write_text(dsn)
    [row] = postgres(endpoints)
    assert not row.is_healthy
    assert "\n" not in row.health
    assert "canary" not in row.health


@pytest.mark.parametrize(
    ("status", "silent_s", "health"),
    [
        ("running", 2, ["healthy"]),
        ("running", 90, ["is silent for 90 s; collect_posts restarts it"]),
        ("finished", 9000, []),
    ],
)
def test_a_collector_that_says_it_runs_must_say_so_now(
    endpoints: Endpoints, status: str, silent_s: int, health: list[str]
) -> None:
    told = datetime(2026, 1, 31, tzinfo=UTC)
    state = {"source": "tcp:a:1", "status": status, "lines_read": 1, "records_acked": 1, "updated_at": told.isoformat()}
    (endpoints.spool_dir / "state.json").write_text(json.dumps(state))
    assert [row.health for row in collector(endpoints, told.timestamp() + silent_s)] == health


def test_no_collector_yet_is_no_row(endpoints: Endpoints) -> None:
    assert collector(endpoints) == []


def test_every_broker_has_a_row(endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Brokers(frozenset({"kafka-1", "kafka-2", "kafka-4"}), {"kafka-2": 2}, 4)
    monkeypatch.setattr(services, "describe_brokers", lambda *_: found)
    assert healths(brokers(endpoints)) == {
        "Kafka 1": "healthy",
        "Kafka 2": "is behind in 2 of 4 partitions",
        "Kafka 3": "is not in the cluster",
        "Kafka 4": "healthy",
    }


def test_an_unlisted_broker_with_copies_is_reported_when_it_goes(
    endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Brokers(frozenset({"kafka-1", "kafka-2", "kafka-3"}), {"kafka-4": 3}, 4)
    monkeypatch.setattr(services, "describe_brokers", lambda *_: found)
    assert healths(brokers(endpoints))["Kafka 4"] == "is not in the cluster"


def test_brokers_that_dont_answer_are_all_reported(endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> Brokers:
        raise BrokersAwayError("no answer (KafkaTimeoutError)")

    monkeypatch.setattr(services, "describe_brokers", away)
    assert set(healths(brokers(endpoints)).values()) == {"no answer (KafkaTimeoutError)"}
    assert len(brokers(endpoints)) == 3


def test_everything_is_gathered_however_much_is_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> Brokers:
        raise BrokersAwayError("no answer")

    monkeypatch.setattr(services, "describe_brokers", away)
    monkeypatch.setattr(services, "measure_lags", lambda *_: Lags())
    settings = StackSettings(home=tmp_path, airflow_url="https://counts.example")
    ports, hosts = dict.fromkeys(DEFAULTS, 1), {**LOOPBACK, "kafka": "kafka-1,kafka-2,kafka-3"}
    here = Deployment(StateDirectory(tmp_path), settings, ports, Toolchain(Path(), Path(), Path()), hosts, cluster=True)
    found = gather(here, 1)
    assert not found.is_healthy
    assert found.airflow_url == "https://counts.example"
    assert {row.name for row in found.services} == {
        "kafka-1", "kafka-2", "kafka-3", "namenode", "datanode-1", "datanode-2", "resourcemanager", "postgres",
        "airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer",
    }  # fmt: skip
