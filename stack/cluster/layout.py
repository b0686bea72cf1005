"""The cluster in containers as it stands: names, folders and the deployment that every container works with."""

import os
import socket
import sys
from pathlib import Path

from stack.config.deployment import Deployment
from stack.config.ports import DEFAULTS
from stack.config.settings import Settings
from stack.config.state_directory import StateDirectory
from stack.toolchain import Toolchain, default_dir

BROKERS = ("kafka-1", "kafka-2", "kafka-3")
"""Brokers and controllers; those beyond are brokers only, see docs/operations.md, "A fourth broker"."""
DATANODES = ("datanode-1", "datanode-2")
SECRETS = Path("/run/secrets")
AUTHORITY = SECRETS / "authority"
SUPERUSER_FILE = SECRETS / "postgres" / "superuser"
PORTS = {**DEFAULTS, "kafka_broker": 9094}
"""The usual ones, and where brokers and the administrator talk to brokers, by certificates."""


def brokers(count: int) -> tuple[str, ...]:
    """Returns the names of so many brokers; a broker's number, Kafka's `node.id`, is the one in its name."""
    return tuple(f"kafka-{number}" for number in range(1, count + 1))


def _airflow_url() -> str:
    """Where people reach Airflow: as they said, else the port of this machine that docker-compose.yml publishes."""
    named = os.environ.get("HASHTIDE_AIRFLOW_URL")
    return named or f"http://localhost:{os.environ.get('HASHTIDE_AIRFLOW_PORT') or DEFAULTS['airflow']}"


def deployment(home: Path | None = None) -> Deployment:
    """The cluster as this container sees it: a NodeManager and a DataNode are the container's own."""
    own = socket.gethostname()
    settings = Settings.read(home=home, airflow_url=_airflow_url())
    hosts = {
        "airflow": "airflow-api-server",
        "postgres": "postgres",
        "kafka": ",".join(brokers(settings.brokers)),
        "namenode": "namenode",
        "datanode": own,
        "resourcemanager": "resourcemanager",
        "nodemanager": own,
    }
    parts = Toolchain(Path(sys.executable), Path(os.environ["JAVA_HOME"]), default_dir() / "jars")
    return Deployment(
        StateDirectory(settings.home), settings, PORTS, parts, hosts, cluster=True, superuser_file=SUPERUSER_FILE
    )
