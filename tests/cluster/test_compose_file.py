"""docker-compose.yml is read by every program that reads such files, the older one and the newer one."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.cluster, pytest.mark.cluster_core]


def programs() -> Iterator[list[str]]:
    """Those that are on this machine, and the one that HASHTIDE_COMPOSE names."""
    candidates = ("docker compose", "docker-compose", os.environ.get("HASHTIDE_COMPOSE", ""))
    for command in {tuple(shlex.split(each)) for each in candidates if each}:
        version = [*command, "version"]
        if shutil.which(command[0]) and subprocess.run(version, capture_output=True, check=False).returncode == 0:
            yield list(command)


@pytest.mark.parametrize("files", [["docker-compose.yml"], ["docker-compose.yml", "conf/kafka-4.yml"]])
def test_every_compose_program_takes_the_file_and_a_fourth_broker(files: list[str]) -> None:
    found = list(programs())
    assert found, "no compose program is on this machine"
    for program in found:
        said = subprocess.run(
            [*program, *(word for file in files for word in ("-f", str(REPOSITORY / file))), "config", "-q"],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert (said.returncode, said.stderr) == (0, ""), program
