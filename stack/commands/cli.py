"""The commands of `./hashtide`."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr
from rich.console import Group
from rich.live import Live
from rich.text import Text

from contract.files import FileLock, LockHeld
from stack.commands import down as down_
from stack.commands import up as up_
from stack.commands.shared import (
    HomeOption,
    SourceOption,
    UntilDoneOption,
    add_shared_commands,
    console,
    generation,
    new_app,
    run_app,
)
from stack.config.deployment import Deployment, check_paths
from stack.config.errors import StackError
from stack.config.hints import Hints
from stack.config.ports import recall
from stack.config.settings import REPOSITORY, StackSettings
from stack.config.source_address import FIRST, absolute, finite, parsed, require_understood
from stack.config.state_directory import StateDirectory
from stack.config.token_files import token_files
from stack.config.variables import chosen_source, set_variable
from stack.observe.progress import Steps, quiet
from stack.observe.status import Status
from stack.toolchain import default_dir, fetch

_POLL_INTERVAL_S = 5.0


class SupervisordBackend:
    """The stack on this machine."""

    def deployment(self, home: Path | None) -> Deployment:
        """The stack as it was last started.

        Raises:
            StackError: this state directory has no stack.
        """
        place = _existing(home)
        return Deployment(place, StackSettings.read(home=home), recall(place), fetch(default_dir(), quiet()))

    def status(self, deployment: Deployment, generation: int) -> Status:
        """What supervisord, Airflow and YARN look after here, and the stages."""
        from stack.daemons.processes import gather

        return gather(deployment, generation)

    def hints(self, deployment: Deployment) -> Hints:
        """Commands of the launcher."""
        return Hints(deployment.endpoints)

    def show_log(self, home: Path | None, name: str, lines: int, *, follow: bool) -> int:
        """Shows the end of a log file."""
        found = _existing(home).log_files()
        known = ", ".join(found) or "none yet"
        if not name:
            console.print(known, highlight=False)
            return 0
        if name not in found:
            raise StackError(f"there is no log {name!r}; there are: {known}")
        command = ["tail", "-n", str(lines), *(["-F"] if follow else []), str(found[name])]
        try:
            return subprocess.run(command, check=False).returncode
        except KeyboardInterrupt:
            return 0


backend = SupervisordBackend()
app = new_app(
    "Counts hashtags and words of social streams, exactly: Kafka, Spark, Postgres and Airflow on one machine."
)


@app.command()
def up(
    home: HomeOption = None,
    source: SourceOption = None,
    until_done: UntilDoneOption = False,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Stay and show what happens; Ctrl-C stops all.")
    ] = False,
    airflow_port: Annotated[int | None, typer.Option(min=1, max=65535, help="Fix Airflow's port.")] = None,
    postgres_port: Annotated[int | None, typer.Option(min=1, max=65535, help="Fix Postgres's port.")] = None,
    postgres_dsn: Annotated[
        str | None,
        typer.Option(
            help="Use your own Postgres: a role that may create roles and databases. Leave the password out, in "
            "~/.pgpass or PGPASSWORD, or put it all into HASHTIDE_POSTGRES_DSN: a command line can be read by others."
        ),
    ] = None,
    services_only: Annotated[bool, typer.Option("--services-only", hidden=True)] = False,
) -> None:
    """Start everything, or continue from the last state."""
    began_at = time.monotonic()
    wanted = parsed(source) if source else None
    settings = StackSettings.read(
        home=home, source=wanted, postgres_dsn=SecretStr(postgres_dsn) if postgres_dsn else None
    )
    place = StateDirectory(settings.home)
    if settings.source:  # as the first run will have it: the collector must not begin with another one
        addresses = absolute(settings.source)
        require_understood(addresses)
        settings = settings.model_copy(update={"source": finite(addresses) if until_done else addresses})
    elif until_done:  # refused before anything is started
        finite(chosen_source(place.variables_file) or FIRST)
    tokens = token_files(settings)
    ports = {"airflow": airflow_port, "postgres": postgres_port}
    fixed = {**settings.ports, **{name: port for name, port in ports.items() if port is not None}}
    check_paths(place)
    with _one_at_a_time(place), Steps(console) as steps:
        deployment = Deployment(place, settings, {}, fetch(default_dir(), steps))
        deployment = up_.start(deployment, fixed, steps)
    for name, path in tokens.items():
        set_variable(deployment.endpoints.variables_file, name, path)
    _tell_login_once(deployment)
    if services_only:
        return
    from stack.commands import first_run

    with Steps(console) as steps:
        options = first_run.Options(settings.source, until_done=until_done, started_at=began_at)
        status_code = first_run.run(deployment.endpoints, options, steps)
    if foreground and status_code == 0:
        _follow(deployment)
    raise typer.Exit(status_code)


def _tell_login_once(deployment: Deployment) -> None:
    shown = deployment.home.run / "login-told"
    if not shown.exists():
        user, password = deployment.secrets.admin_login()
        text = f"Airflow's login is {user}, password {password} (kept in {deployment.secrets.admin_login_file})"
        console.print(text, soft_wrap=True, markup=False, highlight=False)
        shown.touch()


def _follow(deployment: Deployment) -> None:
    """Shows the stack until Ctrl-C, then stops it: a live table on a terminal, elsewhere a line per change."""
    from stack.observe.stages import Stages
    from stack.observe.status import as_table
    from stack.observe.watch import describe

    stages, line = Stages(deployment.endpoints, generation(deployment)), ""
    with contextlib.suppress(KeyboardInterrupt), Live(console=console, auto_refresh=False) as live:
        while True:
            if console.is_terminal:
                table = as_table(backend.status(deployment, stages.generation))
                live.update(Group(table, Text("\nCtrl-C stops all", style="dim")), refresh=True)
            elif (now := describe(stages.snapshot())) != line:
                line = now
                console.print(f"{datetime.now(UTC):%H:%M:%S} {now}", markup=False, highlight=False, soft_wrap=True)
            time.sleep(_POLL_INTERVAL_S)
    console.print("Stopping …")
    with _one_at_a_time(deployment.home), Steps(console) as steps:
        down_.stop(deployment.home, steps)


@app.command()
def down(home: HomeOption = None) -> None:
    """Stop everything in order; nothing is lost, and `up` continues from there."""
    place = StateDirectory(StackSettings.read(home=home).home)
    if not place.root.exists():
        console.print(f"Nothing to stop: {place.root} is not there.", soft_wrap=True)
        return
    with _one_at_a_time(place), Steps(console) as steps:
        down_.stop(place, steps)


@app.command(name="test")
def run_checks(
    fast: Annotated[bool, typer.Option("--fast", help="Leave the flow test out.")] = False,
    cluster: Annotated[
        bool, typer.Option("--cluster", help="Build, start, test and remove docker-compose.yml instead; needs Docker.")
    ] = False,
    cluster_core: Annotated[
        bool, typer.Option("--cluster-core", help="The same without Airflow and YARN: minutes, 3 GB.")
    ] = False,
    recorded: Annotated[
        bool, typer.Option("--recorded", help="Only the tests of the recorded data, ../shared/data; fails without it.")
    ] = False,
    mutants: Annotated[
        str | None,
        typer.Option(
            metavar="PART", help="Break the product in small ways, and see tests fail: 1/1 all, 2/10, today/10 a tenth."
        ),
    ] = None,
    paths: Annotated[list[str] | None, typer.Argument(help="Only these tests.")] = None,
) -> None:
    """Run the project's checks and tests."""
    from stack.commands import checks

    if mutants:
        raise typer.Exit(checks.run_mutants(mutants))
    if cluster or cluster_core:
        raise typer.Exit(checks.run_cluster(cluster_core, paths or []))
    raise typer.Exit(checks.run(fast, paths or [], recorded=recorded))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def bench(
    context: typer.Context, name: Annotated[str, typer.Argument(help="Which one; without it, their names.")] = ""
) -> None:
    """Measure speed and memory, side by side with something to compare with."""
    found = {path.stem: path for path in sorted((REPOSITORY / "bench").glob("*.py")) if not path.name.startswith("_")}
    if name not in found:
        if name:
            raise StackError(f"there is no bench {name!r}; there are: {', '.join(found)}")
        console.print(", ".join(found), highlight=False)
        return
    parts = fetch(default_dir(), quiet())
    environment = {**os.environ, "JAVA_HOME": str(parts.java_home), "HASHTIDE_JARS": str(parts.jars)}
    raise typer.Exit(
        subprocess.run([sys.executable, found[name], *context.args], env=environment, check=False).returncode
    )


def _existing(home: Path | None) -> StateDirectory:
    place = StateDirectory(StackSettings.read(home=home).home)
    if not (place.root / "ports.json").exists():
        raise StackError(f"there is no stack in {place.root}; start one with `./hashtide up`")
    return place


@contextlib.contextmanager
def _one_at_a_time(home: StateDirectory) -> Iterator[None]:
    """Holds the state directory's lock: `up` and `down` at the same time would interfere."""
    home.make()
    try:
        lock = FileLock(home.run / "command.lock")
    except LockHeld:
        raise StackError(f"another command is running on {home.root}; wait until it is done") from None
    with lock:
        yield


add_shared_commands(app, backend)

if __name__ == "__main__":
    run_app(app, "./hashtide", "interrupted; what was started keeps running, the same command continues from here")
