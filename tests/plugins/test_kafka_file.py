"""A Kafka connection with credentials becomes a file that only its owner may read."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from contract.source_address import read_stored
from hashtide_airflow import commands, kafka_file, settings
from tests.certificates import Authority

CANARY = "canary-0123456789"
AUTHORITY = Authority()
PEM = AUTHORITY.pem
EXTRA = {"topic": "posts", "security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512", "ssl.ca.pem": PEM}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("hashtide_airflow.tokens.FOLDER", tmp_path / "secrets")
    return tmp_path / "secrets" / "lease"


@pytest.fixture
def masked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(kafka_file, "mask_secret", found.append)
    return found


def connect(monkeypatch: pytest.MonkeyPatch, name: str = "", **values: object) -> None:
    connection = {"conn_type": "kafka", "host": "k:9092", **values}
    monkeypatch.setenv(f"AIRFLOW_CONN_HASHTIDE_KAFKA{name}", json.dumps(connection))


def test_a_plain_connection_needs_no_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, extra={"topic": "posts"})
    assert (kafka_file.for_collector(), kafka_file.for_readers()) == (None, None)
    assert not folder.exists()


def test_login_and_extra_are_one_file_of_mode_0400_and_masked(
    folder: Path, monkeypatch: pytest.MonkeyPatch, masked: list[str]
) -> None:
    connect(monkeypatch, login="us", password=CANARY, extra=EXTRA)
    for _ in range(2):  # and again, over the one that is there
        assert kafka_file.for_readers() == folder / "kafka-counter.json"
    assert json.loads((folder / "kafka-counter.json").read_text()) == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "us",
        "sasl.password": CANARY,
        "ssl.ca.pem": PEM,
    }
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder / "kafka-counter.json", folder)] == [0o400, 0o700]
    assert os.listdir(folder) == ["kafka-counter.json"]  # noqa: PTH208 - hidden ones too
    assert set(masked) == {CANARY}


def test_a_key_of_our_own_is_masked_too(monkeypatch: pytest.MonkeyPatch, masked: list[str]) -> None:
    own = AUTHORITY.sign("us")
    extra = {"security.protocol": "SSL", "ssl.certificate.pem": own.certificate, "ssl.key.pem": own.key}
    connect(monkeypatch, extra=extra)
    assert kafka_file.for_readers()
    assert masked == [own.key]


def test_the_collector_uses_the_writers_connection(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, login="counter", password="reads", extra=EXTRA)
    assert kafka_file.for_collector() == folder / "kafka-collector.json"
    assert json.loads((folder / "kafka-collector.json").read_text())["sasl.username"] == "counter"
    connect(monkeypatch, "_WRITER", host="w:1", login="collector", password="writes", extra=EXTRA | {"topic": "other"})
    kafka_file.for_collector()
    kafka_file.for_readers()
    assert json.loads((folder / "kafka-collector.json").read_text())["sasl.username"] == "collector"
    assert json.loads((folder / "kafka-counter.json").read_text())["sasl.username"] == "counter"
    collecting = settings.collecting()
    assert (collecting.bootstrap_servers, collecting.topic) == ("w:1", "other")
    assert settings.kafka() == ("k:9092", "posts")


def test_ca_certificates_go_by_value_as_the_job_runs_elsewhere(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ca.pem").write_text(f"# Főtanúsítvány\n{PEM}")
    connect(monkeypatch, extra={"security.protocol": "SSL", "ssl.ca.location": str(tmp_path / "ca.pem")})
    kafka_file.for_readers()
    found = json.loads((folder / "kafka-counter.json").read_text())
    assert found == {"security.protocol": "SSL", "ssl.ca.pem": f"# Főtanúsítvány\n{PEM}"}


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"extra": EXTRA, "login": "us"}, "SASL_SSL needs its login and its password"),
        ({"extra": EXTRA, "password": CANARY}, "SASL_SSL needs its login and its password"),
        ({"login": "us", "password": CANARY}, "security.protocol: must be one of"),
        ({"extra": EXTRA | {"sasl.password": CANARY}}, "sasl.password in its extra: use its login and its password"),
        ({"extra": EXTRA | {"ssl.ca.pem": [CANARY]}, "login": "us", "password": CANARY}, "ssl.ca.pem: must be text"),
        ({"extra": EXTRA | {"acks": CANARY}, "login": "us", "password": CANARY}, "unknown key acks; allowed: "),
        ({"extra": EXTRA | {"sasl.mechanism": CANARY}, "login": "us", "password": CANARY}, "sasl.mechanism: must be"),
        ({"extra": {"security.protocol": "SSL", "ssl.ca.location": "/nowhere"}}, "ssl.ca.location: /nowhere: No such"),
    ],
)
def test_an_error_names_the_connection_and_the_key_but_no_value(
    folder: Path, monkeypatch: pytest.MonkeyPatch, values: dict[str, Any], why: str
) -> None:
    connect(monkeypatch, **values)
    with pytest.raises(ValueError, match="the Airflow connection hashtide_kafka: ") as refused:
        kafka_file.for_readers()
    assert why in str(refused.value)
    assert CANARY not in str(refused.value)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("host", "port", "servers"),
    [
        ("h", 9092, "h:9092"),
        ("h1:9092,h2:9093", None, "h1:9092,h2:9093"),
        ("h1:9092, h2", 9094, "h1:9092,h2:9094"),
        ("::1", 9092, "[::1]:9092"),
        ("[::1]", 9092, "[::1]:9092"),
        ("[fd00::1]:9092,fd00::2", 9093, "[fd00::1]:9092,[fd00::2]:9093"),
    ],
)
def test_brokers_are_named_as_kafka_wants_them(
    monkeypatch: pytest.MonkeyPatch, host: str, port: int | None, servers: str
) -> None:
    connect(monkeypatch, host=host, port=port)
    assert settings.kafka()[0] == servers


@pytest.mark.parametrize(("host", "port"), [("h", None), ("", 9092), ("h1:1,h2", None), ("h1:1,,h2:1", 9), ("h:", 9)])
def test_brokers_without_a_port_are_refused(monkeypatch: pytest.MonkeyPatch, host: str, port: int | None) -> None:
    connect(monkeypatch, host=host, port=port)
    with pytest.raises(ValueError, match="every host needs a port"):
        settings.kafka()


def test_commands_name_the_file_and_the_streaming_job_takes_it_along() -> None:
    file = Path("/s/lease/kafka-counter.json")
    collecting = settings.Collecting(
        sources=read_stored("simulator"),
        spool=Path("/s"),
        bootstrap_servers="h:9",
        topic="posts",
        kafka_config=file,
    )
    assert commands.collect_command(collecting)[-4:] == ["--kafka-config", str(file), "--topic", "posts"]
    counting = settings.Counting(
        root="hdfs://h:1/r", generation=1, bootstrap_servers="h:9", topic="posts", trigger_interval_s=1,
        kafka_config=file, executors=3,
    )  # fmt: skip
    submit = commands.submit_command(counting, Path("/t/counting.zip"))
    own, its = submit[: submit.index(f"{settings.JOBS}/count.py")], submit[submit.index(f"{settings.JOBS}/count.py") :]
    assert own[-2:] == ["--files", str(file)]
    assert "spark.executor.instances=3" in own
    # In the working directory of its container, wherever that is.
    assert its[its.index("--kafka-config") + 1] == "kafka-counter.json"
