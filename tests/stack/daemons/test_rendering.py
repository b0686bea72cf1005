"""Rendering: the configuration of one stack, as it is written to disk."""

import configparser
import json
import stat
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import jinja2
import pytest

from contract.source_address import read_stored, stored
from stack.config.deployment import Deployment
from stack.config.ports import DEFAULTS, HOST, LOOPBACK
from stack.config.settings import REPOSITORY, StackSettings
from stack.config.source_address import FIRST
from stack.config.state_directory import StateDirectory
from stack.config.variables import read_variables, set_variable
from stack.daemons import rendering
from stack.daemons.services import services_of
from stack.toolchain import Toolchain

TEMPLATES = REPOSITORY / "stack" / "templates"
GOLDEN_KAFKA = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:9093
listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093
advertised.listeners=PLAINTEXT://127.0.0.1:9092
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=/srv/hashtide/data/kafka
auto.create.topics.enable=false
num.partitions=4
num.network.threads=2
num.io.threads=4
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.segment.bytes=134217728
log.flush.interval.messages=1
log.cleaner.dedupe.buffer.size=16777216
message.max.bytes=2097152
"""


def _site(root: Path) -> Deployment:
    parts = Toolchain(python=Path("/venv/bin/python"), java_home=Path("/java"), jars=Path("/jars"))
    return Deployment(StateDirectory(root), StackSettings(home=root), dict(DEFAULTS), parts)


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    deployment = _site(tmp_path / "home")
    deployment.home.make()
    deployment.secrets.ensure()
    return deployment


def _hadoop(deployment: Deployment, name: str) -> dict[str, str]:
    root = ET.fromstring(rendering.render(name, rendering.values_of(deployment)))  # noqa: S314 - our own
    return {each.findtext("name", ""): each.findtext("value", "") for each in root.iter("property")}


def test_kafkas_configuration_is_this() -> None:
    text = rendering.render("server.properties", rendering.values_of(_site(Path("/srv/hashtide"))))
    settings = "".join(f"{line}\n" for line in text.splitlines() if not line.startswith("#"))
    assert settings == GOLDEN_KAFKA


@pytest.mark.parametrize("name", ["core-site.xml", "hdfs-site.xml", "yarn-site.xml", "capacity-scheduler.xml"])
def test_no_property_is_named_twice_and_every_address_is_on_loopback(deployment: Deployment, name: str) -> None:
    root = ET.fromstring(rendering.render(name, rendering.values_of(deployment)))  # noqa: S314 - our own
    names = [each.findtext("name") for each in root.iter("property")]
    assert len(set(names)) == len(names) > 3
    for key, value in _hadoop(deployment, name).items():
        if key.endswith("address"):
            assert value.split(":")[0] in (HOST, "localhost"), key


def test_what_a_value_holds_is_escaped_in_xml(deployment: Deployment) -> None:
    values = rendering.values_of(deployment) | {"user": "a<b>&c"}
    root = ET.fromstring(rendering.render("core-site.xml", values))  # noqa: S314 - our own
    assert "a<b>&c" in [each.findtext("value") for each in root.iter("property")]


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        rendering.render("server.properties", {"host": HOST})


def test_host_and_ports_are_parameters_everywhere(deployment: Deployment) -> None:
    ports = {name: 20_000 + number for number, name in enumerate(DEFAULTS)}
    elsewhere = replace(deployment, ports=ports, hosts=dict.fromkeys(LOOPBACK, "node.example"))
    values = rendering.values_of(elsewhere)
    for template in [*sorted(TEMPLATES.glob("*.xml.j2")), TEMPLATES / "server.properties.j2"]:
        text = rendering.render(template.name.removesuffix(".j2"), values)
        assert HOST not in text
        assert not [port for port in DEFAULTS.values() if f":{port}" in text]


def test_files_with_secrets_are_their_owners_only_and_the_others_hold_none(deployment: Deployment) -> None:
    rendering.write(deployment, services_of(deployment))
    rendering.write_airflow_files(deployment)
    secrets = [path.read_text().split()[-1] for path in deployment.home.secrets.iterdir()]
    written = [
        path
        for folder in (deployment.home.conf, deployment.home.airflow)
        for path in folder.rglob("*")
        if path.is_file()
    ]
    assert len(written) > 10
    for path in written:
        if any(secret in path.read_text() for secret in secrets):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_no_secret_is_on_a_command_line(deployment: Deployment) -> None:
    secrets = [path.read_text().split()[-1] for path in deployment.home.secrets.iterdir()]
    for service in services_of(deployment):
        assert not [secret for secret in secrets if secret in service.command_line + service.environment_line]


def test_supervisords_file_can_be_read_and_names_every_service(deployment: Deployment) -> None:
    rendering.write(deployment, services_of(deployment))
    parser = configparser.RawConfigParser()
    parser.read(deployment.home.conf / "supervisord.conf")
    names = [service.name for service in services_of(deployment)]
    assert [section.partition(":")[2] for section in parser.sections() if section.startswith("program:")] == names
    assert parser["group:services"]["programs"].split(",") == names
    assert parser["program:postgres"]["stopsignal"] == "INT"


def test_the_source_that_flows_is_kept_unless_another_is_asked_for(deployment: Deployment) -> None:
    def source(wanted: str) -> str:
        settings = deployment.settings.model_copy(update={"source": read_stored(wanted)})
        rendering.write_airflow_files(Deployment(deployment.home, settings, deployment.ports, deployment.toolchain))
        found: str = json.loads(deployment.endpoints.variables_file.read_text())["hashtide_source"]
        return found

    assert [source(""), source("file:/a"), source("")] == [stored(FIRST), '["file:/a"]', '["file:/a"]']


def test_several_sources_that_an_older_version_kept_in_one_text_become_a_list(deployment: Deployment) -> None:
    deployment.home.make()
    set_variable(deployment.endpoints.variables_file, "hashtide_source", "jetstream  mastodon:a.example,b.example")
    rendering.write_airflow_files(deployment)
    kept = read_variables(deployment.endpoints.variables_file)["hashtide_source"]
    assert kept == '["jetstream", "mastodon:a.example,b.example"]'


def test_forms_may_name_files_of_a_folder_of_the_home_unless_another_is_set(deployment: Deployment) -> None:
    deployment.home.make()
    assert deployment.home.input.is_dir()
    file = deployment.endpoints.variables_file
    for folder in (str(deployment.home.input), "/data", ""):
        if folder != str(deployment.home.input):
            set_variable(file, "hashtide_forms_dir", folder)
        rendering.write_airflow_files(deployment)
        assert read_variables(file)["hashtide_forms_dir"] == folder


def test_airflows_connections_are_those_of_the_contract(deployment: Deployment) -> None:
    connections = rendering.connections_of(deployment)
    assert set(connections) == {
        "hashtide_kafka",
        "hashtide_yarn",
        "hashtide_hdfs",
        "hashtide_compactor",
        "hashtide_reporter",
    }
    assert json.loads(str(connections["hashtide_hdfs"]["extra"])) == {"rpc_port": 8020, "root": "/hashtide"}
    assert connections["hashtide_compactor"]["login"] == "hashtide_compactor"
    assert connections["hashtide_compactor"]["password"] == deployment.secrets["hashtide_compactor"]


@pytest.mark.parametrize(
    ("dsn", "url"),
    [
        ("host=127.0.0.1 port=5432 user=u password='a b%/@' dbname=d", "u:a%%20b%%25%%2F%%40@127.0.0.1:5432/d"),
        ("host=/run/postgresql user=u password=p dbname=d", "u:p@/d?host=/run/postgresql&port=5432"),
    ],
)
def test_a_connection_string_becomes_sqlalchemys_url(dsn: str, url: str) -> None:
    assert rendering.url_of(dsn) == url
