"""Renders stack/templates into conf/ of the state directory, and writes the files that Airflow reads."""

import json
import socket
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import jinja2
from markupsafe import Markup, escape
from psycopg2.extensions import parse_dsn

from contract import names
from contract.names import ROOT, TOPIC
from contract.source_address import read_stored, stored
from stack.config.deployment import DATABASE, METADATA_DATABASE, Deployment
from stack.config.ports import HOST
from stack.config.secrets import write_private
from stack.config.settings import MOST_BROKERS, REPOSITORY
from stack.config.variables import read_variables, write_variables
from stack.daemons.restarts import EVENTS
from stack.daemons.services import Service

KAFKA_SECRETS = Path("/run/secrets/kafka")
"""In the cluster: the CA's certificate, and each broker's certificate with its key."""
_TEMPLATES = Path(__file__).parents[1] / "templates"
_HADOOP = ("core-site.xml", "hdfs-site.xml", "yarn-site.xml", "capacity-scheduler.xml", "log4j.properties")


def render(template: str, values: Mapping[str, object]) -> str:
    """The text of a template; a missing value raises jinja2.UndefinedError."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        autoescape=jinja2.select_autoescape(["xml.j2"], default=False),
        keep_trailing_newline=True,
    )
    environment.globals["property"] = _property
    return environment.get_template(f"{template}.j2").render(values)


def _property(name: str, value: object, why: str) -> Markup:
    comment = Markup("\n  <!-- {} -->").format(why) if why else Markup()
    return comment + Markup("\n  <property><name>{}</name><value>{}</value></property>").format(
        escape(name), escape(str(value))
    )


def values_of(deployment: Deployment) -> dict[str, object]:
    """The values that templates can use; no secrets."""
    pyspark = find_spec("pyspark")
    return {
        **deployment.settings.model_dump(exclude={"home", "ports", "postgres_dsn", "source"}),
        "cluster": deployment.cluster,
        "hosts": dict(deployment.hosts),
        **_broker(deployment),
        "ports": dict(deployment.ports),
        # The cluster has a network of its own; on one machine nothing else must reach the services.
        "listen": "0.0.0.0" if deployment.cluster else HOST,  # noqa: S104
        "airflow_url": deployment.public_url,
        "home": str(deployment.home.root),
        "repository": str(REPOSITORY),
        "user": deployment.user,
        "python": str(deployment.toolchain.python),
        "java_home": str(deployment.toolchain.java_home),
        "jars": str(deployment.toolchain.jars),
        "pyspark": str(Path(pyspark.origin or "").parent) if pyspark else "",
    }


def _broker(deployment: Deployment) -> dict[str, object]:
    """The broker of this machine: in the cluster, the one named like the container, `kafka-N`.

    It does not depend on the number of brokers: adding one must not restart the others.
    """
    controllers = deployment.hosts["kafka"].split(",")[:3]
    brokers = [f"kafka-{number}" for number in range(1, MOST_BROKERS + 1)] if deployment.cluster else controllers
    own = socket.gethostname() if socket.gethostname() in brokers else brokers[0]
    return {
        "controllers": controllers,
        "brokers": brokers,
        "broker": own,
        "broker_id": brokers.index(own) + 1,
        "kafka_secrets": KAFKA_SECRETS,
    }


def write(deployment: Deployment, services: Iterable[Service]) -> None:
    """Writes all configuration files; those with secrets are readable by their owner only."""
    write_daemons(deployment)
    write_airflow_cfg(deployment)
    write_private(deployment.home.conf / "supervisord.conf", _supervisord(deployment, services, values_of(deployment)))


def write_daemons(deployment: Deployment) -> None:
    """Writes the configuration of Kafka, Hadoop, Spark and Postgres; it contains no secrets."""
    home, values = deployment.home, values_of(deployment)
    plain = {home.hadoop_conf / name: name for name in _HADOOP}
    plain |= {
        home.conf / "kafka" / "server.properties": "server.properties",
        home.conf / "kafka" / "log4j2.properties": "log4j2.properties",
        home.spark_conf / "spark-defaults.conf": "spark-defaults.conf",
        home.conf / "postgres" / "postgresql.conf": "postgresql.conf",
        home.conf / "postgres" / "pg_hba.conf": "pg_hba.conf",
    }
    for path, name in plain.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render(name, values))
        path.chmod(0o644)


def write_airflow_cfg(deployment: Deployment) -> None:
    """Writes airflow.cfg, which contains keys."""
    text = render("airflow.cfg", values_of(deployment) | _airflow_secrets(deployment))
    write_private(deployment.home.airflow / "airflow.cfg", text)


def _airflow_secrets(deployment: Deployment) -> dict[str, str]:
    return {
        "metadata": url_of(deployment.dsn("hashtide_airflow", METADATA_DATABASE)),
        "fernet_key": deployment.secrets["airflow_fernet_key"],
        "api_secret": deployment.secrets["airflow_api_secret"],
        "jwt_secret": deployment.secrets["airflow_jwt_secret"],
    }


def _supervisord(deployment: Deployment, services: Iterable[Service], values: Mapping[str, object]) -> str:
    more = {
        "services": list(services),
        "socket": deployment.home.socket,
        "password": deployment.secrets["supervisor"],
        "events": EVENTS,
    }
    return render("supervisord.conf", {**values, **more})


def url_of(dsn: str) -> str:
    """A connection string as `user:password@host:port/database`, as SQLAlchemy wants it after `//`.

    A unix socket's folder goes into the query. `%` is doubled, because Airflow's configuration interpolates it.
    """
    parts = parse_dsn(dsn)
    login = f"{quote(parts['user'], safe='')}:{quote(parts['password'], safe='')}"
    host, port = parts.get("host", "localhost"), parts.get("port", "5432")
    if host.startswith("/"):
        address = f"{login}@/{parts['dbname']}?host={quote(host)}&port={port}"
    else:
        address = f"{login}@{host}:{port}/{parts['dbname']}"
    return address.replace("%", "%%")


def write_airflow_files(deployment: Deployment) -> None:
    """Writes Airflow's connections and variables, see docs/contracts.md; Airflow reads them at each use."""
    home, settings = deployment.home, deployment.settings
    kept = read_variables(home.variables_file)
    write_variables(
        home.variables_file,
        kept
        | {
            # Older versions kept several addresses in one text.
            names.SOURCE.name: stored(
                settings.source or read_stored(kept.get(names.SOURCE.name)) or deployment.first_source
            ),
            names.GENERATION.name: kept.get(names.GENERATION.name, names.GENERATION.default),
            names.SPOOL_DIR.name: str(home.spool),
            names.REPORTS_DIR.name: str(home.reports),
            names.TRIGGER_INTERVAL.name: str(settings.trigger_interval_s),
            names.EXECUTORS.name: str(settings.executors),
            names.FORMS_DIR.name: kept.get(names.FORMS_DIR.name, str(home.input)),
        },
    )
    write_private(home.airflow / "connections.json", json.dumps(connections_of(deployment), indent=1) + "\n")


def connections_of(deployment: Deployment) -> dict[str, dict[str, object]]:
    """Airflow's connections by id."""
    ports = deployment.ports
    return {
        **_kafka_connections(deployment),
        names.YARN: {
            "conn_type": "http",
            "host": deployment.hosts["resourcemanager"],
            "port": ports["resourcemanager_http"],
        },
        names.HDFS: {
            "conn_type": "http",
            "host": deployment.hosts["namenode"],
            "port": ports["namenode_http"],
            "extra": json.dumps({"rpc_port": ports["namenode"], "root": ROOT}),
        },
        names.COMPACTOR: _postgres_connection(deployment, "hashtide_compactor"),
        names.REPORTER: _postgres_connection(deployment, "hashtide_reporter"),
    }


def _kafka_connections(deployment: Deployment) -> dict[str, dict[str, object]]:
    """The reader's connection, and with authentication the collector's too."""
    if not deployment.cluster:
        address = {"conn_type": "kafka", "host": deployment.hosts["kafka"], "port": deployment.ports["kafka"]}
        return {names.KAFKA: {**address, "extra": json.dumps({"topic": TOPIC})}}
    return {
        name: _secured_kafka(deployment, json.loads(path.read_text()))
        for name, path in (
            (names.KAFKA, deployment.secrets.kafka_reader_file),
            (names.KAFKA_WRITER, deployment.secrets.kafka_writer_file),
        )
    }


def _secured_kafka(deployment: Deployment, client: dict[str, str]) -> dict[str, object]:
    return {
        "conn_type": "kafka",
        "host": deployment.bootstrap_servers,
        "login": client.pop("sasl.username"),
        "password": client.pop("sasl.password"),
        "extra": json.dumps({"topic": TOPIC, **client}),
    }


def _postgres_connection(deployment: Deployment, role: str) -> dict[str, object]:
    parts = parse_dsn(deployment.dsn(role))
    known = ("host", "port", "user", "password", "dbname")
    connection: dict[str, object] = {
        "conn_type": "postgres",
        "host": parts.get("host", deployment.hosts["postgres"]),
        "port": int(parts.get("port", "5432")),
        "login": role,
        "password": parts["password"],
        "schema": DATABASE,
    }
    if extra := {key: value for key, value in parts.items() if key not in known}:
        connection["extra"] = json.dumps(extra)
    return connection
