"""The examples in conf/ are what the code reads, and hold nothing but placeholders."""

import ast
import dataclasses
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.secrets.local_filesystem import load_connections_dict

from contract import names
from contract.sources import dialects
from hashtide_airflow import kafka_file, settings
from hashtide_airflow.commands import submit_command
from hashtide_airflow.services import HdfsExtra
from stack.daemons.postgres import ROLES
from stack.observe import probes
from tests.certificates import Authority

REPO = Path(__file__).resolve().parent.parent
CONF = REPO / "conf"
EXAMPLES = CONF / "existing-cluster"
README = (CONF / "README.md").read_text()
CONNECTIONS: dict[str, dict[str, Any]] = json.loads((EXAMPLES / "connections.json.example").read_text())
OURS = {
    *(names.KAFKA, names.KAFKA_WRITER, names.YARN, names.HDFS),
    *(names.COMPACTOR, names.REPORTER),
}


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow with the examples' connections and variables."""
    for name, fields in CONNECTIONS.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(fields))
    for name, value in json.loads((EXAMPLES / "variables.json.example").read_text()).items():
        monkeypatch.setenv(f"AIRFLOW_VAR_{name.upper()}", value)


def test_every_connection_is_there_and_airflow_can_import_them(tmp_path: Path) -> None:
    copy = tmp_path / "connections.json"
    shutil.copy(EXAMPLES / "connections.json.example", copy)
    assert set(load_connections_dict(str(copy))) == OURS


@pytest.mark.usefixtures("connected")
def test_every_field_of_the_connections_is_understood() -> None:
    log = settings.count_log()
    assert log.url == "swebhdfs://nn1.example:9871,nn2.example:9871/apps/hashtide/counts"
    assert log.access.auth == "kerberos"
    counting = settings.counting()
    assert counting.root == "hdfs://nameservice1/apps/hashtide"
    assert counting.access.keytab == Path("/etc/hashtide/hashtide.keytab")
    for name in (names.COMPACTOR, names.REPORTER):
        assert "sslmode=verify-full" in settings.dsn(name)
    for name in (names.KAFKA, names.KAFKA_WRITER):
        assert settings.kafka(name)[0].count(".example:9093") == 3


@pytest.mark.usefixtures("connected")
def test_a_client_of_kafka_can_be_made_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = tmp_path / "kafka-ca.pem"
    authority.write_text(Authority().pem)
    for name in (names.KAFKA, names.KAFKA_WRITER):
        fields = {**CONNECTIONS[name], "extra": {**CONNECTIONS[name]["extra"], "ssl.ca.location": str(authority)}}
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(fields))
    monkeypatch.setenv("HASHTIDE_SECRETS_DIR", str(tmp_path))
    for path in (kafka_file.for_readers(), kafka_file.for_collector()):
        assert path is not None
        assert json.loads(path.read_text())["sasl.mechanism"] == "SCRAM-SHA-512"


@pytest.mark.usefixtures("connected")
def test_every_variable_is_one_that_the_code_reads() -> None:
    code = (REPO / "plugins/hashtide_airflow/settings.py").read_text() + (REPO / "docs/contracts.md").read_text()
    for name in json.loads((EXAMPLES / "variables.json.example").read_text()):
        assert name in code, name
    assert settings.sources()[0].kind == "simulator"


def test_nothing_but_placeholders() -> None:
    for name, fields in CONNECTIONS.items():
        assert fields.get("password", "CHANGE_ME") == "CHANGE_ME", name
    for path in (CONF / "README.md", *sorted(EXAMPLES.iterdir())):
        text = path.read_text()
        hosts = set(re.findall(r"\b(?:[a-z0-9-]+\.)+(?:com|org|net|io|internal)\b(?![.\w])", text, re.IGNORECASE))
        assert hosts <= {"EXAMPLE.COM"}, path
        assert not re.search(r"(?<![\d.])(?!127\.0\.0\.1)\d{1,3}(\.\d{1,3}){3}(?![\d.])", text), path
        assert "BEGIN" not in text, path


def test_the_readme_explains_every_connection_and_field() -> None:
    for name in OURS:
        assert f"`{name}`" in README, name
    for field in dataclasses.fields(HdfsExtra):
        assert f"`{field.name}`" in README, field.name
    for fields in CONNECTIONS.values():
        for key in fields["extra"]:
            assert f"`{key}`" in README, key
    for path in re.findall(r"existing-cluster/([\w.-]+\w)", README):
        assert (EXAMPLES / path).exists(), path


@pytest.mark.usefixtures("connected")
def test_spark_s_settings_leave_to_the_submit_what_is_the_submit_s() -> None:
    lines = (EXAMPLES / "spark-defaults.conf.example").read_text().splitlines()
    pairs = [line.split(None, 1) for line in lines if line and not line.startswith("#")]
    assert all(len(pair) == 2 and pair[0].startswith("spark.") for pair in pairs)
    command = submit_command(settings.counting(), Path("counting.zip"))
    submitted = {word.partition("=")[0] for word in command if word.startswith("spark.")}
    assert submitted
    assert submitted.isdisjoint(key for key, _ in pairs)


def modules_named(path: Path) -> set[str]:
    """Every dotted name that a file imports; of `from a import b` both a and a.b."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def third_party(main: Path) -> set[str]:
    """Top-level names of the packages from elsewhere that a job and all of ours behind it import."""
    jobs, found, to_read, read = main.parent, set(), [main], set()
    while to_read:
        path = to_read.pop()
        read.add(path)
        by_name = {each.format for each in dialects().values()} if path == jobs / "formats" / "__init__.py" else set()
        for name in modules_named(path) | by_name:
            ours = jobs / name.replace(".", "/")
            files = [f for f in (ours.with_suffix(".py"), ours / "__init__.py") if f.is_file()]
            to_read += [f for f in files if f not in read]
            if not (jobs / name.partition(".")[0]).is_dir():
                found.add(name.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"pyspark", "py4j", "__future__"}


def test_the_executors_archive_has_what_they_import() -> None:
    named = {line for line in (EXAMPLES / "executors.txt").read_text().splitlines() if not line.startswith("#")}
    imported = third_party(REPO / "jobs" / "count.py")
    imported = {"kafka-python" if name == "kafka" else name for name in imported}
    by_others = {"pandas", "crc32c", "lz4", "zstandard"}  # mapInArrow asks for the first, kafka-python uses the rest
    assert imported | by_others == named
    locked = set(re.findall(r"^([a-z0-9._-]+)==", (REPO / "requirements.lock").read_text(), re.MULTILINE))
    assert named <= locked


def test_what_kerberos_needs_is_pinned_with_its_digests() -> None:
    text = (EXAMPLES / "requirements-kerberos.txt").read_text()
    assert set(re.findall(r"^([a-z-]+)==\S+ \\$", text, re.MULTILINE)) == {"decorator", "gssapi", "requests-gssapi"}
    assert text.count("--hash=sha256:") >= 3


def test_the_administrator_makes_the_roles_that_the_stack_makes() -> None:
    made = re.findall(r"^create role (\w+) login", (EXAMPLES / "roles.sql.example").read_text(), re.MULTILINE)
    assert sorted(made) == sorted(ROLES)


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((EXAMPLES / "docker-compose.existing.yml.example").read_text())
    return found


def test_the_containers_are_airflow_s_four_and_what_prepares_them() -> None:
    services = compose()["services"]
    four = {"airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer"}
    assert set(services) == {"prepare"} | four
    for name, service in services.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert ("ports" in service) == (name == "airflow-api-server")
        if name in four:
            assert service["healthcheck"]["test"][-1] == name
            assert name in probes.checks()


def test_the_containers_secrets_are_files_that_the_readme_tells_of() -> None:
    text = (EXAMPLES / "docker-compose.existing.yml.example").read_text()
    files = set(re.findall(r"/etc/hashtide/secrets/(\w+)", text))
    assert {"metadata_url", "migrator_dsn", "fernet_key", "api_secret", "jwt_secret", "admin_password"} == files
    for name in files:
        assert name in README, name
    for key, value in compose()["services"]["airflow-scheduler"]["environment"].items():
        if re.search("_(KEY|SECRET|PASSWORD|CONN)(_|$)", key):
            assert key.endswith("_CMD"), key
            assert str(value).startswith("cat /etc/hashtide/secrets/"), key


@pytest.mark.parametrize("tool", [["docker-compose"], ["docker", "compose"]])
def test_compose_reads_its_file(tool: list[str], tmp_path: Path) -> None:
    if not shutil.which(tool[0]) or subprocess.run([*tool, "version"], capture_output=True, check=False).returncode:
        pytest.skip(f"no {' '.join(tool)}")
    shutil.copy(EXAMPLES / "docker-compose.existing.yml.example", tmp_path / "docker-compose.yml")
    done = subprocess.run(
        [*tool, "-f", str(tmp_path / "docker-compose.yml"), "config", "-q"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
