"""`hashtide` inside the containers: `docker compose exec airflow-scheduler hashtide status`.

Docker starts and stops the cluster; these commands look at it. They do what the launcher's of the same names do.
"""

import sys
import time
from typing import Annotated

import typer
from rich.console import Console

from contract.names import SOURCE
from stack.cluster.hints import HASHTIDE, ClusterHints, take_out
from stack.cluster.layout import deployment
from stack.config.deployment import Deployment
from stack.config.errors import StackError
from stack.config.source_address import FIRST, absolute, finite, require_understood
from stack.config.variables import generation_of, read_variables
from stack.observe.progress import Steps

app = typer.Typer(
    help=f"Looks at the cluster from inside. From outside: `{HASHTIDE} COMMAND`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console(stderr=False)


@app.command()
def login() -> None:
    """Show where Airflow is, and its admin's user and password."""
    here = _set_up()
    user, password = here.secrets.admin_login()
    for name, value in (("Airflow", here.public_url), ("user", user), ("password", password)):
        console.print(f"{name:<9} {value}", soft_wrap=True, markup=False, highlight=False)


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Show how each service does and how far each stage is; exit status 0 only if all is healthy."""
    from stack.cluster.services import gather
    from stack.observe.status import as_json as written
    from stack.observe.status import as_table

    here = _set_up()
    found = gather(here, _generation(here))
    if as_json:
        sys.stdout.write(written(found) + "\n")
    else:
        console.print(as_table(found))
    raise typer.Exit(0 if found.is_healthy else 1)


@app.command()
def watch(
    until_done: Annotated[
        bool,
        typer.Option("--until-done", help="Stay until a finite source is counted whole and the books balance."),
    ] = False,
    source: Annotated[
        list[str] | None,
        typer.Option(
            help="Collect this from now on; several: give it again. See README.md.  [default: what flows, as it is]"
        ),
    ] = None,
) -> None:
    """See the first counts come, have the first report made, and say where everything is."""
    from stack.commands import first_run

    began_at = time.monotonic()
    here = _set_up()
    chosen = _chosen(here, source, until_done=until_done)
    with Steps(console) as steps:
        hints = ClusterHints(here.endpoints, here.public_url)
        options = first_run.Options(chosen, until_done=until_done, started_at=began_at, hints=hints)
        raise typer.Exit(first_run.run(here.endpoints, options, steps))


def _chosen(here: Deployment, source: list[str] | None, *, until_done: bool) -> str:
    """The address to wait for; another than the one that flows only where a person has named it.

    Raises:
        StackError: it is not understood, or never ends and its end is waited for.
    """
    if source is None:
        flows = str(read_variables(here.home.variables_file).get(SOURCE.name, FIRST))
        if until_done and finite(flows) != flows:
            raise StackError(f"--until-done: {flows} never ends; name one that does by --source")
        return flows
    if not (wanted := " ".join(source)).strip():
        raise StackError("--source is empty; name a source, or leave the option out")
    address = absolute(wanted)
    require_understood(address)
    return finite(address) if until_done else address


@app.command()
def tail(
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, max=100_000, help="How many of the newest.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as they come.")] = False,
) -> None:
    """Show the newest posts of the topic as a person reads them."""
    from stack.commands import tail as tail_

    raise typer.Exit(tail_.run(_set_up().endpoints, lines, follow=follow))


@app.command()
def psql(
    command: Annotated[str | None, typer.Option("--command", "-c", help="Run this and return.")] = None,
) -> None:
    """Look at the counts, as a role that can only read."""
    from stack.commands import psql as psql_

    raise typer.Exit(psql_.run(_set_up().endpoints.reader_dsn_file, command))


@app.command()
def logs(
    name: Annotated[str, typer.Argument(help="`collect` or `count`; `docker compose logs` has the others.")],
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last lines.")] = 100,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as it grows; `collect` only.")] = False,
) -> None:
    """Show the log of the collector, or of the streaming job's driver."""
    from stack.cluster import logs as logs_

    here = _set_up()
    if name == "collect":
        raise typer.Exit(logs_.show_collector(here.endpoints.spool_dir, lines, follow=follow))
    if name == "count" and not follow:
        sys.stdout.write(logs_.driver_log(here.endpoints, _generation(here), lines))
        return
    if name == "count":
        raise StackError("--follow is for `collect`: a node tells a container's log as it is, once")
    raise StackError(f"there is no log {name!r} here, only collect and count; try `docker compose logs {name}`")


@app.command()
def reports() -> None:
    """List the reports; `docker cp` takes them out, as the last line shows."""
    here = _set_up()
    folder = here.endpoints.reports_dir
    found = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    for path in found:
        size_kb = path.stat().st_size / 1000
        console.print(f"{path.relative_to(folder)}  {size_kb:,.0f} kB", highlight=False, markup=False, soft_wrap=True)
    if not found:
        console.print("No report yet: one is made each day, and by `hashtide watch`.", soft_wrap=True)
        return
    console.print(f"\nTo take them out:  {take_out(folder)}", highlight=False, markup=False, soft_wrap=True)


def _set_up() -> Deployment:
    """The cluster, once `setup` has made what Airflow starts with.

    Raises:
        StackError: it has not, or this container is none of Airflow's.
    """
    here = deployment()
    if not here.home.variables_file.exists():
        raise StackError(
            f"{here.home.root} holds nothing yet: either `setup` is not done (`docker compose logs setup`), "
            f"or this is another container; try `{HASHTIDE} status`"
        )
    return here


def _generation(here: Deployment) -> int:
    return generation_of(read_variables(here.home.variables_file))


def main() -> None:
    """Runs the command; an error is one line."""
    try:
        app(prog_name="hashtide")
    except KeyboardInterrupt:
        sys.stderr.write("hashtide: stopped looking; the cluster goes on\n")
        sys.exit(130)
    except StackError as error:
        Console(stderr=True).print(f"hashtide: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
