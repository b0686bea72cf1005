"""The templates' second rendering: what a container of the cluster reads."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from contract.source_address import read_stored
from stack.cluster import layout, pki
from stack.config.deployment import Deployment
from stack.config.state_directory import StateDirectory
from stack.config.variables import read_variables
from stack.daemons import rendering

KAFKA = """\
process.roles=broker,controller
node.id=2
controller.quorum.voters=1@kafka-1:9093,2@kafka-2:9093,3@kafka-3:9093
listeners=CLIENT://kafka-2:9092,CONTROLLER://kafka-2:9093,BROKER://kafka-2:9094
advertised.listeners=CLIENT://kafka-2:9092,BROKER://kafka-2:9094
listener.security.protocol.map=CLIENT:SASL_SSL,CONTROLLER:SSL,BROKER:SSL
controller.listener.names=CONTROLLER
inter.broker.listener.name=BROKER
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.client.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location=/run/secrets/kafka/kafka-2.pem
ssl.truststore.type=PEM
ssl.truststore.location=/run/secrets/kafka/ca.pem
listener.name.broker.ssl.client.auth=required
listener.name.controller.ssl.client.auth=required
ssl.principal.mapping.rules=RULE:^CN=([^,]+).*$/$1/
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=false
super.users=User:kafka-1;User:kafka-2;User:kafka-3;User:kafka-4;User:kafka-5;User:kafka-6;User:kafka-7;User:kafka-8;User:kafka-9;User:admin
early.start.listeners=CONTROLLER
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    monkeypatch.setenv("JAVA_HOME", "/java")
    monkeypatch.setattr("socket.gethostname", lambda: "kafka-2")
    made = tmp_path / "made"
    pki.ensure(made)
    deployment = replace(
        layout.deployment(), home=StateDirectory(tmp_path / "home"), superuser_file=made / "postgres" / "superuser"
    )
    (made / "airflow").rename(tmp_path / "home-secrets")
    deployment.home.make()
    deployment.home.secrets.rmdir()
    (tmp_path / "home-secrets").rename(deployment.home.secrets)
    return deployment


def _hadoop(deployment: Deployment, name: str) -> dict[str, str]:
    root = ET.fromstring(rendering.render(name, rendering.values_of(deployment)))  # noqa: S314 - our own
    return {each.findtext("name", ""): each.findtext("value", "") for each in root.iter("property")}


def test_a_broker_is_one_of_three_and_asks_who_one_is(here: Deployment) -> None:
    text = rendering.render("server.properties", rendering.values_of(here))
    settings = "".join(f"{line}\n" for line in text.splitlines() if not line.startswith("#"))
    assert settings.startswith(KAFKA)
    assert "offsets.topic.replication.factor=3\n" in settings
    assert "transaction.state.log.min.isr=2\n" in settings
    assert "log.flush" not in settings  # there are two more copies


def _broker(deployment: Deployment) -> dict[str, str]:
    lines = rendering.render("server.properties", rendering.values_of(deployment)).splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def test_a_fourth_broker_votes_for_nothing(here: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    second = _broker(here)
    monkeypatch.setattr("socket.gethostname", lambda: "kafka-4")
    fourth = _broker(replace(here, hosts=layout.deployment().hosts))  # it need not be told how many there are
    assert fourth["process.roles"] == "broker"
    assert fourth["node.id"] == "4"
    assert fourth["listeners"] == "CLIENT://kafka-4:9092,BROKER://kafka-4:9094"
    assert fourth["ssl.keystore.location"] == "/run/secrets/kafka/kafka-4.pem"
    assert set(second) - set(fourth) == {"early.start.listeners"}
    same = set(fourth) - {"process.roles", "node.id", "listeners", "advertised.listeners", "ssl.keystore.location"}
    assert {name: fourth[name] for name in same} == {name: second[name] for name in same}


def test_a_broker_more_changes_nothing_that_the_others_read(here: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _broker(here)
    monkeypatch.setenv("HASHTIDE_BROKERS", "4")
    more = replace(here, hosts=layout.deployment().hosts)
    assert more.hosts["kafka"] == "kafka-1,kafka-2,kafka-3,kafka-4"
    assert _broker(more) == before


def test_each_block_is_kept_twice_and_a_lost_datanode_is_gone_round(here: Deployment) -> None:
    hdfs = _hadoop(here, "hdfs-site.xml")
    assert hdfs["dfs.replication"] == "2"
    assert hdfs["dfs.permissions.enabled"] == "true"
    assert hdfs["dfs.namenode.avoid.read.stale.datanode"] == "true"
    assert hdfs["dfs.datanode.hostname"] == "kafka-2"  # its own name, whatever that is


def test_a_nodemanager_goes_by_its_own_name_and_forgets_its_containers(here: Deployment) -> None:
    yarn = _hadoop(here, "yarn-site.xml")
    assert yarn["yarn.nodemanager.address"] == "kafka-2:8041"
    assert yarn["yarn.resourcemanager.address"] == "resourcemanager:8032"
    assert yarn["yarn.nodemanager.recovery.enabled"] == "false"
    assert yarn["yarn.webapp.enable-rest-app-submissions"] == "false"


def test_spark_authenticates_and_encrypts_and_is_bound_to_no_loopback(here: Deployment) -> None:
    text = rendering.render("spark-defaults.conf", rendering.values_of(here))
    settings = dict(line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#"))
    assert settings["spark.authenticate"] == "true"
    assert settings["spark.network.crypto.enabled"] == "true"
    assert settings["spark.io.encryption.enabled"] == "true"
    assert not [name for name in settings if name.endswith("SPARK_LOCAL_IP")]


def test_postgres_asks_everyone_for_a_password(here: Deployment) -> None:
    lines = rendering.render("pg_hba.conf", rendering.values_of(here)).splitlines()
    assert [line.split() for line in lines if not line.startswith("#")] == [
        ["host", "all", "all", "samenet", "scram-sha-256"]
    ]


def test_airflow_reads_as_the_counter_and_writes_as_the_collector(here: Deployment) -> None:
    connections = rendering.connections_of(here)
    logins = {name: connections[name]["login"] for name in ("hashtide_kafka", "hashtide_kafka_writer")}
    assert logins == {"hashtide_kafka": "counter", "hashtide_kafka_writer": "collector"}
    assert connections["hashtide_kafka"]["host"] == "kafka-1:9092,kafka-2:9092,kafka-3:9092"
    extra = json.loads(str(connections["hashtide_kafka"]["extra"]))
    assert extra["security.protocol"] == "SASL_SSL"
    assert not [key for key in extra if "password" in key or "username" in key]
    assert connections["hashtide_compactor"]["host"] == "postgres"


def test_what_daemons_read_holds_no_secret(here: Deployment) -> None:
    rendering.write_daemons(here)
    secrets = [path.read_text().split()[-1] for path in here.home.secrets.iterdir() if not path.suffix]
    secrets += [json.loads(path.read_text())["sasl.password"] for path in here.home.secrets.glob("*.json")]
    assert len(secrets) > 10
    for path in here.home.conf.rglob("*.*"):
        assert not [secret for secret in secrets if secret in path.read_text()], path


@pytest.mark.parametrize(
    ("named", "port", "expected"),
    [
        ("", "", "http://localhost:8080"),
        ("", "9999", "http://localhost:9999"),
        ("https://tags.example", "9999", "https://tags.example"),
    ],
)
def test_airflow_sends_people_back_to_where_they_came_from(
    named: str, port: str, expected: str, here: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HASHTIDE_AIRFLOW_URL", named)
    monkeypatch.setenv("HASHTIDE_AIRFLOW_PORT", port)
    deployment = replace(layout.deployment(), home=here.home)
    rendering.write_airflow_cfg(deployment)
    assert f"base_url = {expected}\n" in (here.home.airflow / "airflow.cfg").read_text()


def test_an_up_without_a_source_keeps_what_flows_and_begins_with_the_simulator(here: Deployment) -> None:
    def source(wanted: str) -> str:
        settings = here.settings.model_copy(update={"source": read_stored(wanted)})
        rendering.write_airflow_files(replace(here, settings=settings))
        return str(read_variables(here.endpoints.variables_file)["hashtide_source"])

    assert [source(""), source("jetstream"), source("")] == ['["simulator"]', '["jetstream"]', '["jetstream"]']
