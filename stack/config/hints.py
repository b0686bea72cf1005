"""What messages tell a person to do next: on one machine with `./hashtide`, elsewhere in another's words."""

from dataclasses import dataclass
from pathlib import Path

from stack.config.endpoints import Endpoints


@dataclass(frozen=True)
class Hints:
    """Next steps of the stack on one machine; whoever runs the same parts otherwise overrides what differs.

    Attributes:
        endpoints: of the stack that is spoken of.
    """

    endpoints: Endpoints

    @property
    def status(self) -> str:
        """Command that shows how everything is."""
        return "./hashtide status"

    def logs(self, name: str) -> str:
        """Command that shows the log of a service, or of `collect` or `count`."""
        return f"./hashtide logs {name}"

    @property
    def airflow_url(self) -> str:
        """Airflow as a browser reaches it, no slash at its end."""
        return self.endpoints.airflow_url

    @property
    def login(self) -> str:
        """Where user and password of Airflow's admin are."""
        return f"user and password are in {self.endpoints.admin_login_file}"

    def report(self, path: Path) -> str:
        """Where a report, or the folder of all, can be opened."""
        return str(path)

    def take_out(self, folder: Path) -> str:
        """How to get at the folder of all reports."""
        return f"They are in {folder}"
