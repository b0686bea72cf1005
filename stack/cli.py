"""The commands of `./hashtide`."""

import contextlib
import fcntl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr
from rich.console import Console

from stack import starting, stopping
from stack.errors import StackError
from stack.home import Home
from stack.parts import PartsError, default_dir, fetch
from stack.progress import Steps
from stack.settings import Settings
from stack.site import Site

app = typer.Typer(
    help="Counts hashtags and words of social streams, exactly: Kafka, Spark on YARN, Postgres and Airflow on one machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console(stderr=False)
HomeOption = Annotated[Path | None, typer.Option("--home", help="Directory of the stack's state.  [default: .hashtide]")]


class _Verbose:
    on = False


@app.callback()
def _options(verbose: Annotated[bool, typer.Option("--verbose", help="Show the traceback of an error.")] = False) -> None:
    _Verbose.on = verbose


@app.command()
def up(
    home: HomeOption = None,
    source: Annotated[str | None, typer.Option(help="simulator[:…] or file:PATH[,PATH][,…]; see docs/contracts.md.")] = None,
    until_done: Annotated[bool, typer.Option("--until-done", help="Return when a finite source is counted whole.")] = False,
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay and show what happens; Ctrl-C stops all.")] = False,
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
    """Start everything, or go on from where things stand."""
    began_at = time.monotonic()
    settings = Settings.read(home=home, source=source, postgres_dsn=SecretStr(postgres_dsn) if postgres_dsn else None)
    ports = {"airflow": airflow_port, "postgres": postgres_port}
    fixed = {**settings.ports, **{name: port for name, port in ports.items() if port is not None}}
    place = Home(settings.home)
    with _one_at_a_time(place), Steps(console) as steps:
        site = Site(place, settings, {}, fetch(default_dir(), steps))
        first = not site.secrets.admin_login_file.exists()
        site = starting.start(site, fixed, steps)
    if first:
        user, password = site.secrets.admin_login()
        console.print(f"Airflow's login: {user} / {password}  (kept in {site.secrets.admin_login_file})", soft_wrap=True)
    if services_only:
        return
    from stack import main_job

    with Steps(console) as steps:
        options = main_job.Options(settings.source, until_done=until_done, started_at=began_at)
        status_code = main_job.run(site.endpoints, options, steps)
    if foreground and status_code == 0:
        _follow(place)
    raise typer.Exit(status_code)


def _follow(home: Home) -> None:
    try:
        subprocess.run(["tail", "-F", "-n", "0", *sorted(map(str, home.logs.glob("*.log")))], check=False)
    except KeyboardInterrupt:
        console.print("Stopping …")
    with _one_at_a_time(home), Steps(console) as steps:
        stopping.stop(home, steps)


@app.command()
def down(home: HomeOption = None) -> None:
    """Stop everything in order; nothing is lost, and `up` goes on from there."""
    place = Home(Settings.read(home=home).home)
    if not place.root.exists():
        console.print(f"Nothing to stop: {place.root} is not there.", soft_wrap=True)
        return
    with _one_at_a_time(place), Steps(console) as steps:
        stopping.stop(place, steps)


@contextlib.contextmanager
def _one_at_a_time(home: Home) -> Iterator[None]:
    """Holds the home's lock: two `up`, or `up` and `down`, would undo each other's work."""
    home.make()
    with (home.run / "command.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(f"another command is at work on {home.root}; wait until it is done") from None
        yield


def main() -> None:
    """Runs the command; an error is one line."""
    try:
        app()
    except (StackError, PartsError) as error:
        if _Verbose.on:
            raise
        Console(stderr=True).print(f"hashtide: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
