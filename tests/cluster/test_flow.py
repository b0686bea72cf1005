"""The main job in containers: what went in is what was counted."""

import pytest

from tests.cluster.compose import Cluster
from tests.cluster.flowing import POSTS, Recounted

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(5400)]


def test_every_count_equals_the_recount_and_the_simulators_truth(first_flow: Recounted) -> None:
    first_flow.check(POSTS)


@pytest.mark.usefixtures("first_flow")
def test_everything_says_that_it_is_healthy(cluster: Cluster) -> None:
    cluster.hashtide("status")
