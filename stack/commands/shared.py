"""The commands that look at a running stack: the same on one machine and in containers, over a backend each."""

import sys
import time
from pathlib import Path
from typing import Annotated, Protocol

import typer
from rich.console import Console

from contract.source_address import SourceAddress, shown
from contract.sources import SOURCES
from stack.config.deployment import Deployment
from stack.config.errors import StackError
from stack.config.hints import Hints
from stack.config.source_address import FIRST, absolute, finite, parsed, require_understood
from stack.config.variables import chosen_source, generation_of, read_variables
from stack.observe.progress import Steps
from stack.observe.status import Status
from stack.toolchain import ToolchainError

console = Console(stderr=False)
HomeOption = Annotated[
    Path | None, typer.Option("--home", help="Directory of the stack's state.  [default: .hashtide]")
]
SourceOption = Annotated[
    list[str] | None,
    typer.Option(
        help=f"What to collect: {', '.join(kind.usage for kind in SOURCES.values())}, each with "
        "`,key=value`; several: repeat the option. See README.md.  [default: the current one; at first auto]",
    ),
]
UntilDoneOption = Annotated[
    bool, typer.Option("--until-done", help="Stay until a finite source is counted completely and the books balance.")
]


class Backend(Protocol):
    """What differs between processes on one machine (supervisord) and containers (compose)."""

    def deployment(self, home: Path | None) -> Deployment:
        """The running stack. Raises StackError if it does not exist."""

    def status(self, deployment: Deployment, generation: int) -> Status:
        """All services and stages, in some seconds at most, however much is down."""

    def hints(self, deployment: Deployment) -> Hints:
        """What messages tell a person to do."""

    def show_log(self, home: Path | None, name: str, lines: int, *, follow: bool) -> int:
        """Shows the end of a log on our own terminal, or the names without one; the exit status."""


class _Verbose:
    on = False


def new_app(about: str) -> typer.Typer:
    """An application without commands; `about` is what its help says first."""
    app = typer.Typer(help=about, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

    @app.callback()
    def _options(
        verbose: Annotated[bool, typer.Option("--verbose", help="Show the traceback of an error.")] = False,
    ) -> None:
        _Verbose.on = verbose

    return app


def add_shared_commands(app: typer.Typer, backend: Backend) -> None:
    """Adds the commands of this module."""
    for add in (_add_status, _add_watch, _add_logs, _add_tail, _add_psql, _add_reports, _add_recount, _add_login):
        add(app, backend)


def run_app(app: typer.Typer, name: str, interrupted: str) -> None:
    """Runs the command of this process; an error is one line and exit status 1, Ctrl-C the line `interrupted`."""
    try:
        app(prog_name=name)
    except KeyboardInterrupt:
        sys.stderr.write(f"hashtide: {interrupted}\n")
        sys.exit(130)
    except (StackError, ToolchainError) as error:
        if _Verbose.on:
            raise
        Console(stderr=True).print(f"hashtide: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)


def generation(deployment: Deployment) -> int:
    """The generation that counts now."""
    return generation_of(read_variables(deployment.endpoints.variables_file))


def _add_login(app: typer.Typer, backend: Backend) -> None:
    @app.command()
    def login(home: HomeOption = None) -> None:
        """Show Airflow's address, and its admin's user and password."""
        here = backend.deployment(home)
        user, password = here.secrets.admin_login()
        for name, value in (("Airflow", here.public_url), ("user", user), ("password", password)):
            _print(f"{name:<9} {value}")


def _add_status(app: typer.Typer, backend: Backend) -> None:
    @app.command()
    def status(
        home: HomeOption = None, as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False
    ) -> None:
        """Show each process and how far each stage is; exit status 0 only if all is healthy."""
        from stack.observe.status import as_json as written
        from stack.observe.status import as_table

        here = backend.deployment(home)
        found = backend.status(here, generation(here))
        if as_json:
            sys.stdout.write(written(found) + "\n")
        else:
            console.print(as_table(found))
        raise typer.Exit(0 if found.is_healthy else 1)


def _add_watch(app: typer.Typer, backend: Backend) -> None:
    @app.command()
    def watch(home: HomeOption = None, until_done: UntilDoneOption = False, source: SourceOption = None) -> None:
        """Wait for the first counts, have the first report made, and show where everything is."""
        from stack.commands import first_run

        began_at = time.monotonic()
        here = backend.deployment(home)
        chosen = _chosen(here, source, until_done=until_done)
        with Steps(console) as steps:
            options = first_run.Options(chosen, until_done=until_done, started_at=began_at, hints=backend.hints(here))
            raise typer.Exit(first_run.run(here.endpoints, options, steps))


def _chosen(here: Deployment, source: list[str] | None, *, until_done: bool) -> tuple[SourceAddress, ...]:
    """The sources to wait for: the current ones unless others are named.

    Raises:
        StackError: one is not understood, or it never ends and its end is waited for.
    """
    if source is None:
        current = chosen_source(here.home.variables_file) or FIRST
        if until_done and finite(current) != current:
            raise StackError(f"--until-done: {shown(current)} never ends; name one that does by --source")
        return current
    addresses = absolute(parsed(source))
    require_understood(addresses)
    return finite(addresses) if until_done else addresses


def _add_tail(app: typer.Typer, backend: Backend) -> None:
    @app.command()
    def tail(
        home: HomeOption = None,
        lines: Annotated[int, typer.Option("--lines", "-n", min=0, max=100_000, help="How many of the newest.")] = 20,
        follow: Annotated[bool, typer.Option("--follow", "-f", help="Show new ones as they come.")] = False,
    ) -> None:
        """Show the newest posts of the topic as a person reads them."""
        from stack.commands import tail as tail_

        raise typer.Exit(tail_.run(backend.deployment(home).endpoints, lines, follow=follow))


def _add_psql(app: typer.Typer, backend: Backend) -> None:
    @app.command()
    def psql(
        home: HomeOption = None,
        command: Annotated[str | None, typer.Option("--command", "-c", help="Run this and return.")] = None,
    ) -> None:
        """Query the counts, as a role that can only read."""
        from stack.commands import psql as psql_

        raise typer.Exit(psql_.run(backend.deployment(home).endpoints.reader_dsn_file, command))


def _add_recount(app: typer.Typer, backend: Backend) -> None:
    @app.command()
    def recount(
        home: HomeOption = None,
        yes: Annotated[bool, typer.Option("--yes", help="Begin without a question.")] = False,
        of_less: Annotated[
            bool, typer.Option("--of-less", help="Also where the topic no longer has all that was counted before.")
        ] = False,
        instead_of: Annotated[
            int | None, typer.Option(min=2, help="Give up the recount into this generation, and begin another one.")
        ] = None,
    ) -> None:
        """Count the topic once more into a new generation, and switch to it when it is whole."""
        from stack.commands import recount as recount_
        from stack.commands.airflow_api import AirflowApi

        here = backend.deployment(home).endpoints
        conf = {"of_less": of_less, "instead_of": instead_of}

        def agrees(question: str) -> bool:
            _print(question)
            return yes or typer.confirm("Begin?")

        api = AirflowApi(here.airflow_url, here.admin_login_file)
        raise typer.Exit(recount_.run(api, conf, agrees, _print))


def _add_logs(app: typer.Typer, backend: Backend) -> None:
    @app.command()
    def logs(
        name: Annotated[str, typer.Argument(help="`collect`, `count` or a service; without it, the names.")] = "",
        home: HomeOption = None,
        follow: Annotated[bool, typer.Option("--follow", "-f", help="Show new lines as they come.")] = False,
        lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last lines.")] = 100,
    ) -> None:
        """Show the log of the collector, of the streaming job's driver, or of a service."""
        raise typer.Exit(backend.show_log(home, name, lines, follow=follow))


def _add_reports(app: typer.Typer, backend: Backend) -> None:
    @app.command()
    def reports(home: HomeOption = None) -> None:
        """List the reports, and show how to open them."""
        here = backend.deployment(home)
        folder = here.endpoints.reports_dir
        found = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]
        for path in found:
            _print(f"{path.relative_to(folder)}  {path.stat().st_size / 1000:,.0f} kB")
        if found:
            _print(f"\n{backend.hints(here).take_out(folder)}")
        else:
            _print("No report yet: one is made each day, and by `hashtide watch`.")


def _print(line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)
