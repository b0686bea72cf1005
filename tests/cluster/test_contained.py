"""What a container may do to itself and to the machine: as little as can be."""

import pytest

from tests.cluster.compose import Cluster
from tests.cluster.inside.contained import TRIED

pytestmark = [pytest.mark.cluster, pytest.mark.cluster_core, pytest.mark.timeout(1800)]

USER = "10001"
WRITABLE = "nodemanager"
"""Its containers' folders go with it, so it is the one whose root file system is not read-only."""


def test_each_container_is_made_with_as_few_rights_as_can_be(cluster: Cluster) -> None:
    found = cluster.containers(running=False)
    assert len({each.service for each in found}) >= 9, "the core is nine services"
    for each in found:
        host = each.about["HostConfig"]
        assert each.about["Config"]["User"] == "hashtide", each.name
        assert host["CapDrop"] == ["ALL"], each.name
        assert not host["CapAdd"], each.name
        assert not host["Privileged"], each.name
        assert any(option.startswith("no-new-privileges") for option in host["SecurityOpt"]), each.name
        assert host["ReadonlyRootfs"] == (each.service != WRITABLE), each.name
        assert "host" not in (host["NetworkMode"], host["PidMode"], host["IpcMode"]), each.name
        assert not [mount for mount in each.about["Mounts"] if mount["Type"] == "bind"], each.name


def test_what_runs_inside_is_unprivileged_and_cannot_change_the_system(cluster: Cluster) -> None:
    for each in cluster.containers():
        found = cluster.ask(each, "contained")
        assert set(found["uid"]) == {USER}, each.name
        assert not found["capabilities"], each.name
        assert found["no new privileges"], each.name
        refused = "EACCES" if each.service == WRITABLE else "EROFS"
        assert found["written"] == dict.fromkeys(TRIED, refused), each.name
