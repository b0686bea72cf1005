"""One number makes it bigger."""

import pytest

from tests.cluster.compose import Cluster, wait_until
from tests.cluster.flowing import Recounted

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]


def test_executors_spread_over_the_nodes_and_a_third_node_is_one_number_away(
    cluster: Cluster, first_flow: Recounted
) -> None:
    first_flow.check(1)

    def spread() -> bool:
        standing = cluster.standing()
        return len(standing["nodes"]) == len(set(standing["executors"])) == 2

    # Whoever has killed things before: YARN may take two minutes to give up a driver.
    wait_until(spread, 400, lambda: str(cluster.standing()), every_s=3)
    try:
        cluster.up("--scale", "nodemanager=3", "--no-recreate")
        wait_until(lambda: len(cluster.standing()["nodes"]) == 3, 180, lambda: str(cluster.standing()))
    finally:
        cluster.up("--scale", "nodemanager=2", "--no-recreate")
    assert len(cluster.containers("nodemanager")) == 2
