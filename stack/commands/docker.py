"""Docker on this machine: whether an engine answers, and the compose program."""

import os
import shlex
import shutil
import subprocess

from stack.config.errors import StackError

_LIMIT_S = 30.0
_COMPOSE = (("docker", "compose"), ("docker-compose",))
_INSTALL = "; `.ci/docker` installs an engine on a Debian and starts it, where you are root"


def compose_program() -> tuple[str, ...]:
    """The first words of a compose command line; HASHTIDE_COMPOSE names another than the usual two.

    Raises:
        StackError: no engine answers, or there is no compose program; the message says what to do.
    """
    if not shutil.which("docker"):
        raise StackError(f"there is no `docker` on this machine{_INSTALL}")
    asked = _run("docker", "version", "--format", "{{.Server.Version}}")
    if asked.returncode != 0:
        why = (asked.stderr.strip().splitlines() or ["no message"])[-1]
        raise StackError(f"no Docker engine answers ({why}){_INSTALL}")
    named = tuple(shlex.split(os.environ.get("HASHTIDE_COMPOSE", "")))
    for program in (named,) if named else _COMPOSE:
        if shutil.which(program[0]) and _run(*program, "version").returncode == 0:
            return program
    tried = " nor ".join(f"`{shlex.join(each)}`" for each in ((named,) if named else _COMPOSE))
    raise StackError(f"there is no {tried}; Docker's compose plugin is needed, or docker-compose 1.29 or later")


def _run(*command: str) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise StackError(f"`{shlex.join(command)}` has not answered in {_LIMIT_S:.0f} s") from None
