"""The main job in containers: what went in is what was counted."""

import subprocess
import sys

import pytest

from tests.cluster.compose import REPOSITORY, Cluster
from tests.cluster.flowing import POSTS, Figures, Recounted

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(5400)]


def test_every_count_equals_the_recount_and_the_simulators_truth(first_flow: Recounted) -> None:
    first_flow.check(POSTS)


@pytest.mark.usefixtures("first_flow")
def test_everything_says_that_it_is_healthy(cluster: Cluster) -> None:
    cluster.hashtide("status")


@pytest.mark.usefixtures("first_flow")
def test_at_rest_the_whole_takes_less_than_8_gb(cluster: Cluster, figures: Figures) -> None:
    command = [sys.executable, str(REPOSITORY / "bench" / "cluster_at_rest.py"), cluster.project, "--seconds", "30"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout
    *_, name, memory_mb, _, cpu, _ = said.split()
    assert name == "all"
    figures.note("at rest, working set of all containers", f"{memory_mb} MB, {cpu} cores")
    assert float(memory_mb) < 8000, said
