"""Killed in the middle: what the cluster is made for. Every count is right all the same."""

import logging
import time
from collections.abc import Callable

import pytest

from tests.cluster.compose import Cluster, CommandError, Container, wait_until
from tests.cluster.flowing import POSTS, Figures, Recounted, is_flowing, until_recounted

log = logging.getLogger(__name__)
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(7200)]

SECOND = f"simulator:posts={POSTS},seed=8,start=2026-02-28T00:00:00Z,rate=400"
"""More than eight minutes: all that is done to the cluster has to fit in."""
THIRD = "simulator:posts=5000,seed=9,start=2026-03-31T00:00:00Z"
AWAY_S = 15.0
HEALTHY_WITHIN_S = 300.0


def leader(cluster: Cluster) -> Container:
    """The broker that leads the topic's first partition."""
    return cluster.one(str(cluster.standing()["leader"]))


def drivers_node(cluster: Cluster) -> Container:
    """The NodeManager that the Spark driver runs on, once there is one."""
    wait_until(lambda: bool(cluster.standing()["driver"]), 300, lambda: "no streaming job runs")
    host = cluster.standing()["driver"]
    return next(each for each in cluster.containers("nodemanager") if each.hostname == host)


def datanode(cluster: Cluster) -> Container:
    """One of the two."""
    return cluster.one("datanode-1")


def scheduler(cluster: Cluster) -> Container:
    """With it goes the collector, which is a child of a task's."""
    return cluster.one("airflow-scheduler")


VICTIMS: tuple[Callable[[Cluster], Container], ...] = (leader, drivers_node, datanode, scheduler)


@pytest.fixture(scope="module")
def after_kills(cluster: Cluster, first_flow: Recounted, figures: Figures) -> Recounted:
    """The second 200,000 posts, recounted: one machine after the other was killed, and all stopped and started once."""
    cluster.configure({"HASHTIDE_SOURCE": SECOND})
    cluster.up()
    cluster.wait_healthy()
    cluster.hashtide("watch", limit_s=900)
    for victim in VICTIMS:
        kill_and_bring_back(cluster, victim(cluster))
    assert is_flowing(cluster), "the source had ended before `down`"
    began_at = time.monotonic()
    cluster.down()
    cluster.up()
    cluster.wait_healthy()
    figures.time("`down` and `up` in the middle, to all healthy", began_at)
    assert is_flowing(cluster), "the source had ended when all was up again: nothing was to be continued"
    return until_recounted(cluster, SECOND, first_flow.ends, figures)


def kill_and_bring_back(cluster: Cluster, victim: Container) -> None:
    """`docker kill` counts as a stop by hand: Docker does not start it again, a person does."""
    assert is_flowing(cluster), f"the source had ended before {victim.service} was killed"
    log.info("killing %s", victim.name)
    cluster.docker("kill", victim.id)
    time.sleep(AWAY_S)
    assert victim.id not in [each.id for each in cluster.containers()], "Docker has started again what was killed"
    cluster.docker("start", victim.id)
    took_s = wait_until(
        lambda: _is_healthy(cluster, victim), HEALTHY_WITHIN_S, lambda: f"{victim.name} does not become healthy"
    )
    log.info("%s is healthy again %.0f s after its start", victim.name, took_s)


def _is_healthy(cluster: Cluster, container: Container) -> bool:
    return any(each.id == container.id and each.health == "healthy" for each in cluster.containers(container.service))


def test_counts_are_right_after_kills_of_four_services_and_a_down(
    after_kills: Recounted,
) -> None:
    after_kills.check(2 * POSTS)


@pytest.mark.usefixtures("after_kills")
def test_services_killed_all_at_once_come_back_and_keep_counting(cluster: Cluster) -> None:
    before = {each.id: int(each.about["RestartCount"]) for each in cluster.containers()}
    for each in cluster.containers():
        cluster.exec(each, "python", "-P", "-c", KILL_THE_SERVICE, check=False)

    def stuck() -> list[str]:
        return [
            f"{each.name}: restarts {each.about['RestartCount']}, {each.health}"
            for each in cluster.containers(running=False)
            if each.id in before and not (each.about["RestartCount"] > before[each.id] and each.health == "healthy")
        ]

    wait_until(lambda: not stuck(), 600, lambda: f"not back: {stuck()}", every_s=3)
    wait_until(lambda: says_all_is_well(cluster), 300, lambda: cluster.hashtide("status", check=False), every_s=3)
    cluster.hashtide("watch", "--until-done", "--source", THIRD, limit_s=1200)


def says_all_is_well(cluster: Cluster) -> bool:
    """Whether `hashtide status` ends with 0."""
    try:
        cluster.hashtide("status")
    except CommandError:
        return False
    return True


KILL_THE_SERVICE = """
import os, signal
children = open("/proc/1/task/1/children").read().split()
os.kill(int(children[0]), signal.SIGKILL)
"""
