"""What the cluster takes can be measured."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.compose import Cluster

pytestmark = [pytest.mark.cluster, pytest.mark.cluster_core, pytest.mark.timeout(1800)]

BENCH = Path(__file__).resolve().parents[2] / "bench" / "cluster_at_rest.py"


def test_the_bench_has_a_line_for_each_container_that_runs(cluster: Cluster) -> None:
    command = [sys.executable, str(BENCH), cluster.project, "--tiny"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    measured = {line.split()[0] for line in done.stdout.splitlines()}
    assert measured == {container.name for container in cluster.containers()} | {"all"}
