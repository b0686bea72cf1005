"""docker-compose.yml, as it is read, without starting anything."""

import re
from typing import Any

import pytest
import yaml

from stack.cluster import layout
from stack.config.settings import REPOSITORY, StackSettings
from stack.daemons.services import services_of

FILE: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
FOURTH: dict[str, Any] = yaml.safe_load((REPOSITORY / "conf" / "kafka-4.yml").read_text())
ONCE = ("secrets", "setup")
NAMED = re.compile(r"\$\{(\w+)")


def _served(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("JAVA_HOME", "/java")
    return [service.name for service in services_of(layout.deployment())]


@pytest.mark.parametrize("name", sorted(set(SERVICES) - set(ONCE)))
def test_what_runs_on_is_asked_for_its_health_and_started_again(name: str) -> None:
    service = SERVICES[name]
    assert service["healthcheck"]["test"][-1] == service["command"][0]
    assert service["restart"] == "unless-stopped"


def test_every_kind_of_service_that_the_launcher_has_is_there_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {SERVICES[name]["command"][0] for name in SERVICES if name not in ONCE} == set(_served(monkeypatch))


def test_brokers_and_datanodes_are_those_of_the_layout() -> None:
    for kind, names in (("kafka", layout.BROKERS), ("datanode", layout.DATANODES)):
        assert tuple(name for name in SERVICES if name.startswith(f"{kind}-")) == names
        assert [SERVICES[name]["hostname"] for name in names] == list(names)


def test_a_fourth_broker_is_as_the_third_but_for_its_number() -> None:
    third = yaml.safe_dump(SERVICES["kafka-3"])
    assert yaml.safe_load(third.replace("kafka-3", "kafka-4")) == FOURTH["services"]["kafka-4"]
    assert FOURTH["volumes"] == {"kafka-4": None}
    waits = FOURTH["services"]["setup"]["depends_on"]
    assert waits == {"kafka-4": SERVICES["setup"]["depends_on"]["kafka-3"]}


def test_one_broker_more_starts_none_of_the_others_anew() -> None:
    assert [name for name in layout.BROKERS if "environment" in SERVICES[name]] == []


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_second_file_changes_nothing_of_a_service_for_compose_1_29(name: str) -> None:
    inside = [volume.split(":")[1] for volume in SERVICES[name].get("volumes", [])]
    assert inside == sorted(inside)


def test_certificates_and_lists_of_brokers_have_the_same_number() -> None:
    told = {name for name, service in SERVICES.items() if "HASHTIDE_BROKERS" in service.get("environment", {})}
    assert told == {*ONCE, *(name for name in SERVICES if name.startswith("airflow-"))}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_service_may_do_more_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is (name != "nodemanager")
    assert not {"privileged", "user", "cap_add", "pid", "ipc", "network_mode"} & set(service)


def test_only_airflow_is_published_on_loopback_by_default() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert list(published) == ["airflow-api-server"]
    assert published["airflow-api-server"][0].startswith("${HASHTIDE_AIRFLOW_BIND:-127.0.0.1}:")


def test_only_who_has_to_reaches_beyond_the_inside_network() -> None:
    outside = {name for name, service in SERVICES.items() if "outside" in service["networks"]}
    assert outside == {"airflow-api-server", "airflow-scheduler"}
    assert FILE["networks"]["inside"]["internal"] is True
    assert FILE["networks"]["inside"]["driver_opts"] == {"com.docker.network.bridge.inhibit_ipv4": "true"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_the_environment_holds_settings_and_no_secret(name: str) -> None:
    known = {f"HASHTIDE_{field}".upper() for field in StackSettings.model_fields} | {"HASHTIDE_AIRFLOW_PORT", "TZ"}
    for variable in SERVICES[name].get("environment", {}):
        assert variable in known
        assert not re.search("PASSWORD|SECRET|TOKEN|DSN|KEY", variable)


def test_only_the_two_setup_services_hold_the_ca_key_and_the_superuser_password() -> None:
    def has(volume: str) -> set[str]:
        volumes = {name: service.get("volumes", []) for name, service in SERVICES.items()}
        return {name for name, mounted in volumes.items() if any(each.startswith(volume) for each in mounted)}

    assert has("secrets-authority:") == set(ONCE)
    assert has("secrets-postgres:") == {*ONCE, "postgres"}
    assert has("secrets-kafka:") == {"secrets", *layout.BROKERS}


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"secrets"}))
def test_secrets_are_read_only_but_where_they_are_made(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        if "/run/secrets" in volume:
            assert volume.endswith(":ro")


def test_what_env_example_names_is_what_the_file_reads() -> None:
    example = (REPOSITORY / ".env.example").read_text()
    offered = set(re.findall(r"^#?(\w+)=", example, re.MULTILINE))
    read = set(NAMED.findall((REPOSITORY / "docker-compose.yml").read_text()))
    offered.remove("COMPOSE_FILE")  # compose's own
    assert offered == read - {"HASHTIDE_IMAGE", "HASHTIDE_YARN_VCORES"}
