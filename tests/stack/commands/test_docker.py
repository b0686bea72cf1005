"""Whether Docker answers, and with which program compose files are read."""

from pathlib import Path

import pytest

from stack.commands.docker import compose_program
from stack.config.errors import StackError


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The only folder where programs are found."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("HASHTIDE_COMPOSE", raising=False)
    return tmp_path


def program(folder: Path, name: str, script: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


ENGINE = 'test "$1" = version && echo 28.2.2'
ENGINE_AND_PLUGIN = "exit 0"


def test_the_plugin_is_taken_before_the_older_program(path: Path) -> None:
    program(path, "docker", ENGINE_AND_PLUGIN)
    program(path, "docker-compose", "exit 0")
    assert compose_program() == ("docker", "compose")


def test_without_the_plugin_the_older_program_is_taken(path: Path) -> None:
    program(path, "docker", ENGINE)
    program(path, "docker-compose", "exit 0")
    assert compose_program() == ("docker-compose",)


def test_a_named_program_is_taken_and_no_other(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(path, "docker", ENGINE_AND_PLUGIN)
    monkeypatch.setenv("HASHTIDE_COMPOSE", "my-compose --ansi never")
    with pytest.raises(StackError, match="no `my-compose --ansi never`"):
        compose_program()
    program(path, "my-compose", "exit 0")
    assert compose_program() == ("my-compose", "--ansi", "never")


def test_what_is_missing_is_said_and_what_to_do(path: Path) -> None:
    with pytest.raises(StackError, match=r"no `docker` on this machine; `\.ci/docker`"):
        compose_program()
    program(path, "docker", "echo Cannot connect to the Docker daemon >&2; exit 1")
    with pytest.raises(StackError, match=r"no Docker engine answers \(Cannot connect to the Docker daemon\); `\.ci/"):
        compose_program()
    program(path, "docker", ENGINE)
    with pytest.raises(StackError, match="no `docker compose` nor `docker-compose`"):
        compose_program()
