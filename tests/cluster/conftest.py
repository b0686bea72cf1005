"""One cluster for all tests of this folder: built, started, at the end gone for good."""

import logging
import secrets
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.compose import Cluster
from tests.cluster.flowing import FIRST, Figures, Recounted, seconds_to_first_counts, until_recounted

log = logging.getLogger(__name__)

_FIGURES = pytest.StashKey[dict[str, str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Makes room for the figures."""
    config.stash[_FIGURES] = {}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Shows the figures."""
    if found := config.stash[_FIGURES]:
        terminalreporter.section("figures of the cluster")
        for name, value in found.items():
            terminalreporter.line(f"{name:<40} {value}")


@pytest.fixture(scope="session")
def figures(request: pytest.FixtureRequest) -> Figures:
    """What was measured."""
    return Figures(request.config.stash[_FIGURES])


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest, figures: Figures) -> Iterator[Cluster]:
    """The cluster, healthy; of it only what the tests chosen need: without Airflow and YARN where all are core's."""
    settings = {"HASHTIDE_AIRFLOW_PORT": str(_free_port()), "HASHTIDE_SOURCE": FIRST}
    whole = any(item.get_closest_marker("cluster_core") is None for item in request.session.items)
    with tempfile.TemporaryDirectory(prefix="hashtide-cluster-") as folder:
        cluster = Cluster(f"hashtide-{secrets.token_hex(3)}", settings, Path(folder))
        failed_before = request.session.testsfailed
        try:
            began_at = time.monotonic()
            cluster.build()
            figures.time("build", began_at)
            _start(cluster, figures, whole=whole)
            yield cluster
        except BaseException:
            failed_before = -1
            raise
        finally:
            if request.session.testsfailed != failed_before:
                _keep_logs(cluster)
            cluster.down("-v")


def _start(cluster: Cluster, figures: Figures, *, whole: bool) -> None:
    began_at = time.monotonic()
    cluster.up(*(() if whole else ("setup",)))
    cluster.wait_healthy()
    figures.time("`up` to all healthy" if whole else "`up` of the core to all healthy", began_at)


def _keep_logs(cluster: Cluster) -> None:
    kept = Path(tempfile.mkdtemp(prefix=f"{cluster.project}-logs-"))
    cluster.keep_logs(kept)
    log.error("the containers' logs are kept: %s", kept)


def _free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


@pytest.fixture(scope="session")
def first_flow(cluster: Cluster, figures: Figures) -> Recounted:
    """200,000 posts have flowed through, flat out and undisturbed, and were recounted."""
    cluster.hashtide("watch", limit_s=900)
    figures.note("`up` to first counts", f"{seconds_to_first_counts(cluster):.0f} s")
    return until_recounted(cluster, FIRST, "{}", figures)
