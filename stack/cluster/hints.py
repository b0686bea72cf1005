"""What messages tell a person to do if the stack runs in containers."""

from dataclasses import dataclass
from pathlib import Path

from stack.cluster.layout import BROKERS
from stack.config.hints import Hints

HASHTIDE = "docker compose exec airflow-scheduler hashtide"
"""Runs our own commands from outside."""
_OURS = ("collect", "count")


@dataclass(frozen=True)
class ClusterHints(Hints):
    """Next steps of the cluster in containers.

    Attributes:
        public_url: Airflow's address in a browser, no slash at its end.
    """

    public_url: str

    @property
    def status(self) -> str:
        """The command that shows the state of everything."""
        return f"{HASHTIDE} status"

    def logs(self, name: str) -> str:
        """The command that shows the log of a service, of `collect` or of `count`."""
        if name in _OURS:
            return f"{HASHTIDE} logs {name}"
        return f"docker compose logs {' '.join(BROKERS) if name == 'kafka' else name}"

    @property
    def airflow_url(self) -> str:
        """Airflow's address in a browser, no slash at its end."""
        return self.public_url

    @property
    def login(self) -> str:
        """The command that shows user and password of Airflow's admin."""
        return f"{HASHTIDE} login"

    def report(self, path: Path) -> str:
        """Its path inside, and the command that shows how to copy it out; short, because a table folds long lines."""
        return f"{path}\n{HASHTIDE} reports"

    def take_out(self, folder: Path) -> str:
        """The command that copies the reports out of the container."""
        return f'To take them out:  docker cp "$(docker compose ps -q airflow-scheduler):{folder}" .'
