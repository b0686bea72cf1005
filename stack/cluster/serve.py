"""The entry point of every container: renders its service's configuration, prepares its data once, then execs it.

    python -m stack.cluster.serve SERVICE

A service is named as in docker-compose.yml, without its number. Docker restarts it when it ends.
"""

import os
import sys
from collections.abc import Callable, Mapping
from typing import NoReturn

from stack.cluster.layout import deployment
from stack.config.deployment import Deployment
from stack.config.errors import StackError
from stack.daemons import provisioning, rendering
from stack.daemons.postgres import initialise
from stack.daemons.services import services_of

_ONCE: Mapping[str, Callable[[Deployment], object]] = {
    "postgres": initialise,
    "kafka": provisioning.format_kafka,
    "namenode": provisioning.format_namenode,
}


def main(name: str) -> NoReturn:
    """Execs the service `name`.

    Raises:
        StackError: there is no such service, or its data can't be prepared.
    """
    here = deployment()
    service = next((each for each in services_of(here) if each.name == name), None)
    if service is None:
        raise StackError(
            f"there is no service {name!r}; there are: {', '.join(each.name for each in services_of(here))}"
        )
    if not name.startswith("airflow-"):  # these share the volume that `setup` has filled
        here.home.make()
        rendering.write_daemons(here)
    if name in _ONCE:
        _ONCE[name](here)
    os.chdir(here.home.root)
    os.execve(service.command[0], service.command, dict(service.environment))  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except StackError as error:
        sys.exit(f"hashtide: {error}")
