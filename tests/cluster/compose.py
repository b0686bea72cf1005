"""One cluster in containers, as a compose project of its own: driven by the commands that a person has."""

import json
import logging
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stack.commands.docker import compose_program

log = logging.getLogger(__name__)

REPOSITORY = Path(__file__).resolve().parents[2]
IMAGE = "hashtide:test"
_LABEL = "com.docker.compose"
_PATH_INSIDE = "/opt/hashtide:/checks"


class CommandError(Exception):
    """A command failed; says which, and the end of what it said."""


@dataclass(frozen=True)
class Container:
    """One container of the project.

    Attributes:
        id: Docker's, whole.
        service: as in docker-compose.yml.
        about: all that `docker inspect` says.
    """

    id: str
    service: str
    about: Mapping[str, Any]

    @property
    def name(self) -> str:
        """As `docker ps` shows it."""
        return str(self.about["Name"]).lstrip("/")

    @property
    def hostname(self) -> str:
        """What the container calls itself; YARN knows a NodeManager by it."""
        return str(self.about["Config"]["Hostname"])

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return bool(self.about["State"]["Running"])

    @property
    def health(self) -> str:
        """`healthy`, `starting`, `unhealthy`; empty where nobody asks."""
        return str(self.about["State"].get("Health", {}).get("Status", ""))

    @property
    def addresses(self) -> list[str]:
        """In each of its networks."""
        found = (each["IPAddress"] for each in self.about["NetworkSettings"]["Networks"].values())
        return [address for address in found if address]


class Cluster:
    """A project: built, started, looked into, hurt, stopped. Each command has a limit.

    Args:
        project: the compose project's name.
        settings: what a person would write into .env. That of the checkout is not read.
        folder: where files of the project's own may be put.
    """

    def __init__(self, project: str, settings: Mapping[str, str], folder: Path) -> None:
        self.project = project
        self.settings: dict[str, str] = {}
        self.folder = folder
        env_file = folder / "env"
        self.configure({**settings, "HASHTIDE_IMAGE": IMAGE})
        self._compose = (*compose_program(), "--env-file", str(env_file), "-f", str(REPOSITORY / "docker-compose.yml"),
                         "-p", project)  # fmt: skip

    def configure(self, settings: Mapping[str, str]) -> None:
        """Writes some settings into .env; the next `up` takes them."""
        self.settings |= settings
        (self.folder / "env").write_text("".join(f"{name}={value}\n" for name, value in self.settings.items()))

    def compose(self, *arguments: str, limit_s: float = 120, check: bool = True, stdin: str = "") -> str:
        """What `docker compose ARGUMENTS` prints.

        Raises:
            CommandError: it failed (with `check`), or took too long.
        """
        return _output((*self._compose, *arguments), limit_s, check, stdin)

    def docker(self, *arguments: str, limit_s: float = 60, check: bool = True, stdin: str = "") -> str:
        """What `docker ARGUMENTS` prints. Raises as `compose`."""
        return _output(("docker", *arguments), limit_s, check, stdin)

    def build(self) -> None:
        """The image; an hour where nothing of it is there."""
        self.compose("build", "secrets", limit_s=3600)

    def up(self, *arguments: str, limit_s: float = 600) -> None:
        """`up -d`: what is not there is started, and what it depends on."""
        self.compose("up", "-d", *arguments, limit_s=limit_s)

    def down(self, *arguments: str) -> None:
        """`down`; with `-v` for good."""
        self.compose("down", *arguments, limit_s=300)

    def containers(self, service: str = "", *, running: bool = True) -> list[Container]:
        """The project's containers; without one-offs; those that run, or all."""
        filters = ["--filter", f"label={_LABEL}.project={self.project}", "--filter", f"label={_LABEL}.oneoff=False"]
        if service:
            filters += ["--filter", f"label={_LABEL}.service={service}"]
        ids = self.docker("ps", "-q", "--no-trunc", *([] if running else ["-a"]), *filters).split()
        if not ids:
            return []
        found = json.loads(self.docker("inspect", "--type", "container", *ids))
        made = (Container(each["Id"], each["Config"]["Labels"][f"{_LABEL}.service"], each) for each in found)
        return sorted(made, key=lambda each: each.name)

    def one(self, service: str) -> Container:
        """The running container of a service that has one."""
        found = self.containers(service)
        assert len(found) == 1, f"{service}: {[each.name for each in found]}"
        return found[0]

    def exec(
        self, container: Container, *command: str, limit_s: float = 120, check: bool = True, stdin: str = ""
    ) -> str:
        """What a command prints inside."""
        return self.docker("exec", "-i", container.id, *command, limit_s=limit_s, check=check, stdin=stdin)

    def hashtide(self, *arguments: str, limit_s: float = 120, check: bool = True) -> str:
        """What a person reads of `docker compose exec airflow-scheduler hashtide ARGUMENTS`."""
        return self.compose("exec", "-T", "airflow-scheduler", "hashtide", *arguments, limit_s=limit_s, check=check)

    def ask(self, container: Container, script: str, limit_s: float = 120, **data: Any) -> Any:
        """What `main(**data)` of a script of tests/cluster/inside returns, run by a container's own Python.

        It goes in by stdin: on a command line, what is looked for would be found.
        """
        source = (Path(__file__).parent / "inside" / f"{script}.py").read_text()
        call = f"import json\nprint(json.dumps(main(**json.loads({json.dumps(data)!r}))))\n"
        said = self.exec(container, "python", "-P", "-", limit_s=limit_s, stdin=f"{source}\n{call}")
        return json.loads(said.splitlines()[-1])

    def standing(self) -> dict[str, Any]:
        """Who leads and who drives; see inside/standing.py."""
        found: dict[str, Any] = self.ask(self.one("airflow-triggerer"), "standing")
        return found

    def one_off(self, service: str, module: str, *arguments: str, limit_s: float = 120, stdin: str = "") -> str:
        """What a module of tests/ prints, run with a service's volumes and networks.

        The tests are not in the image. A copy is mounted, since the checkout may be its owner's alone.
        """
        tests = _readable_copy(REPOSITORY / "tests", self.folder / "checks" / "tests")
        return self.compose(
            "run", "--rm", "--no-deps", "-T", "-v", f"{tests.parent}:/checks:ro", "-e", f"PYTHONPATH={_PATH_INSIDE}",
            "--entrypoint", "python", service, "-P", "-m", f"tests.{module}", *arguments, limit_s=limit_s, stdin=stdin,
        )  # fmt: skip

    def wait_healthy(self, limit_s: float = 300) -> None:
        """Until every container that is asked for its health is well, and those that run once have ended well."""

        def bad() -> list[str]:
            return [each for each in map(_unwell, self.containers(running=False)) if each]

        wait_until(lambda: not bad(), limit_s, lambda: f"not healthy: {bad()}")

    def leftovers(self) -> list[str]:
        """What Docker still has of the project: containers, volumes, networks."""
        of_us = ("--filter", f"label={_LABEL}.project={self.project}")
        found = []
        for kind, command in (
            ("container", ("ps", "-a")),
            ("volume", ("volume", "ls")),
            ("network", ("network", "ls")),
        ):
            found += [f"{kind} {each}" for each in self.docker(*command, "-q", *of_us).split()]
        return found

    def keep_logs(self, folder: Path) -> None:
        """Writes every container's log into a file of the folder: for after a failure."""
        folder.mkdir(parents=True, exist_ok=True)
        for container in self.containers(running=False):
            (folder / f"{container.name}.log").write_text(self.logs(container))

    def logs(self, container: Container) -> str:
        """All that a container said, both streams."""
        done = subprocess.run(
            ["docker", "logs", container.id],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False,
        )  # fmt: skip
        return done.stdout.decode(errors="replace")


def wait_until(holds: Callable[[], bool], limit_s: float, why_not: Callable[[], str], every_s: float = 1.0) -> float:
    """Returns the seconds that it took until something holds.

    Raises:
        AssertionError: it does not in time; says `why_not`.
    """
    began_at = time.monotonic()
    while not holds():
        if time.monotonic() - began_at > limit_s:
            raise AssertionError(f"after {limit_s:.0f} s: {why_not()}")
        time.sleep(every_s)
    return time.monotonic() - began_at


def _unwell(container: Container) -> str:
    state = container.about["State"]
    if container.about["HostConfig"]["RestartPolicy"]["Name"] == "no":
        fine = state["Status"] == "exited" and state["ExitCode"] == 0
    else:
        fine = container.running and container.health == "healthy"
    return "" if fine else f"{container.name} is {state['Status']} {container.health}".strip()


def _output(command: tuple[str, ...], limit_s: float, check: bool, stdin: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HASHTIDE_", "COMPOSE_"))}
    try:
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, errors="replace", timeout=limit_s, env=kept,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise CommandError(f"{_short(command)}: not done in {limit_s:.0f} s") from None
    if check and done.returncode != 0:
        said = f"{done.stdout}\n{done.stderr}".strip()[-6000:]
        raise CommandError(f"{_short(command)}: ended with {done.returncode}\n{said}")
    return done.stdout


def _short(command: tuple[str, ...]) -> str:
    return " ".join(each if len(each) < 200 else f"{each[:200]}…" for each in command)


def _readable_copy(source: Path, target: Path) -> Path:
    if not target.exists():
        for path in sorted(source.rglob("*.py")):
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
        for path in (target.parent, target, *target.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
    return target
