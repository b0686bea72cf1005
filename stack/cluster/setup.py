"""Creates what Airflow needs before it starts, where it is missing.

Runs at each `docker compose up`, to its end, once Kafka, HDFS and Postgres are healthy. Only this service and the one
that creates the secrets have the administrator's certificate and the superuser's password.
"""

import sys
import time

from rich.console import Console

from contract.hadoop_rest import HadoopError, HadoopRest
from contract.names import ROOT
from stack.cluster import kafka_access
from stack.cluster.layout import AUTHORITY, deployment
from stack.commands.up import Step, run_steps
from stack.config.deployment import Deployment
from stack.config.errors import StackError
from stack.config.source_address import absolute, require_understood
from stack.daemons import provisioning, rendering
from stack.daemons.postgres import ensure_roles_and_databases
from stack.observe.progress import Steps

_LIMIT_S = 120.0


def steps_of(here: Deployment) -> list[Step]:
    """All steps, ordered by `after` alone."""
    return [
        Step("roles", "Roles and databases", (), lambda: ensure_roles_and_databases(here)),
        Step("books", "Schema of the counts", ("roles",), lambda: provisioning.migrate_books(here)),
        Step("metadata", "Airflow's metadata", ("roles",), lambda: provisioning.migrate_airflow(here)),
        Step("kafka", "Kafka's users, rules and topic", (), lambda: _kafka(here)),
        Step("hdfs", f"{ROOT} on HDFS", (), lambda: _hdfs(here)),
    ]


def _kafka(here: Deployment) -> str:
    return ", ".join(kafka_access.ensure(here, AUTHORITY)) or "there already"


def _hdfs(here: Deployment) -> str:
    """Creates the folder of the count log, retrying while HDFS is in safe mode.

    A stop marker stays: it may have been requested while this runs beside Airflow; the next submit removes it.
    """
    rest = HadoopRest((here.endpoints.namenode_url,), user=here.user)
    give_up_at = time.monotonic() + _LIMIT_S
    while True:
        try:
            rest.ask("PUT", f"/webhdfs/v1{ROOT}", {"op": "MKDIRS"})
        except HadoopError as error:
            if time.monotonic() > give_up_at:
                raise StackError(f"HDFS can't create {ROOT}: {error}") from None
            time.sleep(1)
        else:
            return f"{ROOT} is there"


def main() -> None:
    """Runs all steps; ends with a line that says why if one fails."""
    here = deployment()
    if here.settings.source:
        require_understood(absolute(here.settings.source))
    here.home.make()
    rendering.write_daemons(here)  # of which Airflow's tasks read Hadoop's and Spark's
    rendering.write_airflow_cfg(here)
    rendering.write_airflow_files(here)
    here.keep_dsns()
    with Steps(Console()) as steps:
        run_steps(steps_of(here), steps)


if __name__ == "__main__":
    try:
        main()
    except StackError as error:
        sys.exit(f"hashtide: {error}")
