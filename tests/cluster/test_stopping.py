"""The end, so the last of these tests: `down -v` leaves nothing."""

import pytest

from tests.cluster.compose import Cluster

pytestmark = [pytest.mark.cluster, pytest.mark.cluster_core, pytest.mark.timeout(900)]


def test_down_with_v_leaves_no_container_no_volume_and_no_network(cluster: Cluster) -> None:
    there = {each.split()[0] for each in cluster.leftovers()}
    assert there == {"container", "volume", "network"}, "the search finds what is there"
    cluster.down("-v")
    assert cluster.leftovers() == []
