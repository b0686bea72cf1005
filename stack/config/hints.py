"""What messages tell a person to do next; here for one machine, with `./hashtide`."""

from dataclasses import dataclass
from pathlib import Path

from stack.config.endpoints import Endpoints


@dataclass(frozen=True)
class Hints:
    """Next steps on one machine; another backend overrides what differs.

    Attributes:
        endpoints: of the stack.
    """

    endpoints: Endpoints

    @property
    def status(self) -> str:
        """The command that shows the state of everything."""
        return "./hashtide status"

    def logs(self, name: str) -> str:
        """The command that shows the log of a service, of `collect` or of `count`."""
        return f"./hashtide logs {name}"

    @property
    def airflow_url(self) -> str:
        """Airflow's address in a browser, no slash at its end."""
        return self.endpoints.airflow_url

    @property
    def login(self) -> str:
        """Where user and password of Airflow's admin are."""
        return f"user and password are in {self.endpoints.admin_login_file}"

    def report(self, path: Path) -> str:
        """Where a report, or the folder of all reports, can be opened."""
        return str(path)

    def take_out(self, folder: Path) -> str:
        """How to get at the folder of all reports."""
        return f"They are in {folder}"
