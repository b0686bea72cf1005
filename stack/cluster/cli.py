"""`hashtide` inside the containers: `docker compose exec airflow-scheduler hashtide status`.

Docker starts and stops the cluster; these commands look at it.
"""

import sys
from pathlib import Path

from stack.cluster import logs
from stack.cluster.hints import HASHTIDE, ClusterHints
from stack.cluster.layout import deployment
from stack.commands.shared import add_shared_commands, generation, new_app, run_app
from stack.config.deployment import Deployment
from stack.config.errors import StackError
from stack.observe.status import Status


class ComposeBackend:
    """The cluster as a container of Airflow's sees it."""

    def deployment(self, home: Path | None) -> Deployment:
        """The cluster, once `setup` has prepared what Airflow starts with.

        Raises:
            StackError: `setup` has not finished, or this container is not one of Airflow's.
        """
        here = deployment(home)
        if not here.home.variables_file.exists():
            raise StackError(
                f"{here.home.root} is empty: either `setup` is not done (`docker compose logs setup`), "
                f"or this is another container; try `{HASHTIDE} status`"
            )
        return here

    def status(self, here: Deployment, generation: int) -> Status:
        """The services by what the cluster says of its members, and the stages."""
        from stack.cluster.services import gather

        return gather(here, generation)

    def hints(self, here: Deployment) -> ClusterHints:
        """Commands of Docker's."""
        return ClusterHints(here.endpoints, here.public_url)

    def show_log(self, home: Path | None, name: str, lines: int, *, follow: bool) -> int:
        """Shows what Docker does not have: the collector's log and the driver's."""
        here = self.deployment(home)
        if name == "collect":
            return logs.show_collector(here.endpoints.spool_dir, lines, follow=follow)
        if name == "count" and follow:
            raise StackError("--follow is for `collect`: YARN shows a container's log as it is at the moment")
        if name != "count":
            raise StackError(f"there is no log {name!r} here, only collect and count; try `docker compose logs {name}`")
        sys.stdout.write(logs.driver_log(here.endpoints, generation(here), lines))
        return 0


app = new_app(f"Looks at the cluster from inside. From outside: `{HASHTIDE} COMMAND`.")
add_shared_commands(app, ComposeBackend())

if __name__ == "__main__":
    run_app(app, "hashtide", "interrupted; the cluster keeps running")
