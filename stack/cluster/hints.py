"""What messages tell a person to do where the stack runs in containers."""

from dataclasses import dataclass
from pathlib import Path

from stack.cluster.layout import BROKERS
from stack.config.hints import Hints

HASHTIDE = "docker compose exec airflow-scheduler hashtide"
"""How our own commands are run from outside."""
_OURS = ("collect", "count")


@dataclass(frozen=True)
class ClusterHints(Hints):
    """Next steps of the cluster in containers.

    Attributes:
        public_url: Airflow as a browser reaches it, no slash at its end.
    """

    public_url: str

    @property
    def status(self) -> str:
        """Command that shows how everything is."""
        return f"{HASHTIDE} status"

    def logs(self, name: str) -> str:
        """Command that shows the log of a service, or of `collect` or `count`."""
        if name in _OURS:
            return f"{HASHTIDE} logs {name}"
        return f"docker compose logs {' '.join(BROKERS) if name == 'kafka' else name}"

    @property
    def airflow_url(self) -> str:
        """Airflow as a browser reaches it, no slash at its end."""
        return self.public_url

    @property
    def login(self) -> str:
        """The command that shows user and password of Airflow's admin."""
        return f"{HASHTIDE} login"

    def report(self, path: Path) -> str:
        """Where it is inside, and the command that says how to take it out; short, for a table folds what is long."""
        return f"{path}\n{HASHTIDE} reports"

    def take_out(self, folder: Path) -> str:
        """The command that copies the reports out of the container."""
        return f'To take them out:  docker cp "$(docker compose ps -q airflow-scheduler):{folder}" .'
