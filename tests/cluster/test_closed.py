"""From outside of the cluster's network no door answers but Airflow's, and that asks for a login."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import psutil
import pytest

from tests.cluster.compose import IMAGE, Cluster
from tests.cluster.inside import connecting

AIRFLOW = "airflow-api-server"
OPEN_TO_ALL = {"/api/v2/monitor/health", "/api/v2/version", "/openapi.json"}
"""Whether it is well and which version it is; and the description of the interface, which is Airflow's own."""

LOGIN = ("/auth/", "/api/v2/auth/")

Door = list[object]
core = pytest.mark.cluster_core
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def doors(cluster: Cluster) -> list[Door]:
    """Every address and port at which a container listens to others than itself."""
    return [
        [address, port]
        for container in cluster.containers()
        for port in cluster.ask(container, "listening")
        for address in container.addresses
    ]


def airflows_own(cluster: Cluster) -> list[Door]:
    """Airflow's door, where the machine itself may come to it: in the network that is for coming in."""
    return [
        [network["IPAddress"], 8080]
        for container in cluster.containers(AIRFLOW)
        for name, network in container.about["NetworkSettings"]["Networks"].items()
        if name.endswith("outside")
    ]


@pytest.fixture(scope="module")
def nobodys(cluster: Cluster) -> Door:
    """An address of the inside network that no container has: the network's last."""
    about = json.loads(cluster.docker("network", "inspect", f"{cluster.project}_inside"))[0]
    return [str(ip_network(about["IPAM"]["Config"][0]["Subnet"])[-2]), 9092]


@pytest.fixture
def other_network(cluster: Cluster) -> Iterator[str]:
    """Another of Docker's networks."""
    name = f"{cluster.project}-strangers"
    cluster.docker("network", "create", name)
    try:
        yield name
    finally:
        cluster.docker("network", "rm", name)


@core
def test_the_machine_itself_opens_no_door_but_airflows(cluster: Cluster, doors: list[Door], nobodys: Door) -> None:
    assert len(doors) >= 3 * 3 + 2 + 2 * 3 + 1, "brokers, NameNode, DataNodes, Postgres"
    assert connecting.main(doors, nobodys) == airflows_own(cluster)


@core
def test_a_container_of_another_network_opens_none(
    cluster: Cluster, doors: list[Door], nobodys: Door, other_network: str
) -> None:
    inside = f"{cluster.project}_inside"
    assert opened_from(cluster, other_network, doors, nobodys) == []
    opened = opened_from(cluster, inside, doors, nobodys)
    assert [door for door in doors if door not in opened] == airflows_own(cluster), "inside, the same words open all"


def opened_from(cluster: Cluster, network: str, doors: list[Door], nobodys: Door) -> list[Door]:
    """Which doors open from a container of a network."""
    source = Path(connecting.__file__).read_text()
    script = f"{source}\nimport json\nprint(json.dumps(main({doors!r}, {nobodys!r})))\n"
    # The container is nobody's of the project: not of compose, not of its other network.
    command = ("run", "--rm", "-i", "--network", network, "--entrypoint", "python", IMAGE, "-P", "-")
    found: list[Door] = json.loads(cluster.docker(*command, stdin=script))
    return found


def test_only_airflows_port_is_published_and_only_on_loopback(cluster: Cluster) -> None:
    published = {
        (each.service, binding["HostIp"], binding["HostPort"])
        for each in cluster.containers()
        for bindings in each.about["NetworkSettings"]["Ports"].values()
        for binding in bindings or ()
    }
    port = cluster.settings["HASHTIDE_AIRFLOW_PORT"]
    assert published == {(AIRFLOW, "127.0.0.1", port)}
    assert ports_of_docker(cluster) == {("127.0.0.1", int(port))}


def ports_of_docker(cluster: Cluster) -> set[tuple[str, int]]:
    """Where Docker's own processes listen on this machine for containers of the project."""
    ours = {address for container in cluster.containers() for address in container.addresses}
    proxies = set()
    for process in psutil.process_iter(["cmdline"]):
        if ours & set(process.info["cmdline"] or ()):
            proxies.add(process.pid)
    return {
        (each.laddr[0], each.laddr[1])
        for each in psutil.net_connections("inet")
        if each.laddr and each.status == psutil.CONN_LISTEN and each.pid in proxies
    }


def test_airflow_shows_nothing_before_the_login(cluster: Cluster) -> None:
    paths = json.loads(answer(cluster, "/openapi.json")[1])["paths"]
    asked = sorted(path for path, methods in paths.items() if "get" in methods and not path.startswith(LOGIN))
    assert len(asked) > 50
    statuses = {path: answer(cluster, path.replace("{", "").replace("}", ""))[0] for path in asked}
    answered = {path: status for path, status in statuses.items() if status not in (401, 403)}
    assert set(answered) - OPEN_TO_ALL == set(), answered
    assert [answer(cluster, path)[0] for path in ("/ui/config", "/ui/dags", "/auth/users/list/")] == [401, 401, 302]


def test_a_wrong_password_gets_no_token_and_the_right_one_opens_the_api(cluster: Cluster) -> None:
    said = dict(line.split(maxsplit=1) for line in cluster.hashtide("login").splitlines())
    assert token(cluster, said["user"], "wrong")[0] == 401
    status, right = token(cluster, said["user"], said["password"])
    assert status == 201
    assert answer(cluster, "/api/v2/dags", f"Bearer {json.loads(right)['access_token']}")[0] == 200
    assert answer(cluster, "/api/v2/dags", "Bearer made-up")[0] in (401, 403)


def token(cluster: Cluster, user: str, password: str) -> tuple[int, str]:
    """The status and the body of a request for a token."""
    body = json.dumps({"username": user, "password": password}).encode()
    return answer(cluster, "/auth/token", body=body)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer."""

    def redirect_request(self, *_: object) -> None:
        """Follows none."""


def answer(cluster: Cluster, path: str, authorization: str = "", body: bytes | None = None) -> tuple[int, str]:
    """The status and the body of what Airflow answers at its published port."""
    url = f"http://127.0.0.1:{cluster.settings['HASHTIDE_AIRFLOW_PORT']}{path}"
    headers = {"Content-Type": "application/json"} | ({"Authorization": authorization} if authorization else {})
    opener = urllib.request.build_opener(NoRedirect, urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, body, headers), timeout=30) as found:
            return found.status, found.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")


def test_yarn_takes_no_job_by_rest(cluster: Cluster) -> None:
    found = cluster.ask(cluster.one("resourcemanager"), "rest_submission")
    assert found == {"asking for a new application": 403, "looking at the cluster": 200}
