"""The layout of the cluster in containers: names, folders and the deployment that every container uses."""

import os
import socket
import sys
from pathlib import Path

from stack.config.deployment import Deployment
from stack.config.ports import DEFAULTS
from stack.config.settings import StackSettings
from stack.config.state_directory import StateDirectory
from stack.toolchain import Toolchain, default_dir

BROKERS = ("kafka-1", "kafka-2", "kafka-3")
"""Brokers and controllers; further ones are brokers only, see docs/operations.md, "A fourth broker"."""
DATANODES = ("datanode-1", "datanode-2")
SECRETS = Path("/run/secrets")
AUTHORITY = SECRETS / "authority"
SUPERUSER_FILE = SECRETS / "postgres" / "superuser"
PORTS = {**DEFAULTS, "kafka_broker": 9094}
"""The default ports, and the brokers' listener for brokers and the administrator, with certificates."""


def brokers(count: int) -> tuple[str, ...]:
    """The names of the first `count` brokers; the number in a name is Kafka's `node.id`."""
    return tuple(f"kafka-{number}" for number in range(1, count + 1))


def _airflow_url() -> str:
    """Airflow's address in a browser: the configured one, else the port that docker-compose.yml publishes."""
    named = os.environ.get("HASHTIDE_AIRFLOW_URL")
    return named or f"http://localhost:{os.environ.get('HASHTIDE_AIRFLOW_PORT') or DEFAULTS['airflow']}"


def deployment(home: Path | None = None) -> Deployment:
    """The cluster as this container sees it; its NodeManager and DataNode are the container itself."""
    own = socket.gethostname()
    settings = StackSettings.read(home=home, airflow_url=_airflow_url())
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
