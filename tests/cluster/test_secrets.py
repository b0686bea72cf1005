"""No word of the four volumes of secrets stands where others than their owners look."""

import json
import logging
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.cluster.compose import IMAGE, Cluster, Container
from tests.cluster.flowing import Recounted

log = logging.getLogger(__name__)
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(3600)]

LOGS = ["/var/lib/hashtide/logs", "/var/lib/hashtide/spool", "/var/lib/hashtide/data/nm-logs"]
"""Of Airflow and its tasks; the collector's, with all it has collected; of YARN's containers."""
HANDED_ON = {"HASHTIDE_COMPACTOR_DSN", "HASHTIDE_REPORTER_DSN"}
"""docs/contracts.md, Jobs: secrets come in the environment only. It is a job's own, from a task to its child."""
CANARY = "canary"

Words = Mapping[str, str]


@pytest.fixture(scope="module")
def words(cluster: Cluster, first_flow: Recounted) -> Words:
    """Every secret, by file and line; asked for when all of them have been used."""
    first_flow.check(1)
    found: Words = json.loads(cluster.one_off("secrets", "cluster.inside.secret_words").splitlines()[-1])
    files = {name.partition(":")[0] for name in found}
    assert {"authority/ca.key", "kafka/kafka-3.pem", "postgres/superuser", "airflow/kafka-counter.json"} <= files
    assert "airflow/airflow_fernet_key" in files
    return found


def names_in(words: Words, text: str) -> list[str]:
    """Which of the words stand in a text."""
    return [name for name, word in words.items() if word in text]


def test_none_is_in_what_docker_tells_of_containers_and_image(cluster: Cluster, words: Words) -> None:
    told = json.dumps([each.about for each in cluster.containers(running=False)]) + cluster.compose("config")
    flowing = {CANARY: cluster.settings["HASHTIDE_SOURCE"]}
    assert names_in({**words, **flowing}, told) == [CANARY]
    image = cluster.docker("inspect", IMAGE) + cluster.docker("history", "--no-trunc", IMAGE)
    assert names_in({**words, CANARY: "HASHTIDE_PARTS=/opt/parts"}, image) == [CANARY]


def test_none_is_in_the_containers_logs(cluster: Cluster, words: Words) -> None:
    planted = secrets.token_urlsafe(32)
    cluster.exec(cluster.one("kafka-1"), "sh", "-c", "cat > /proc/1/fd/2", stdin=f"{planted}\n")
    logs = "\n".join(map(cluster.logs, cluster.containers(running=False)))
    assert names_in({**words, CANARY: planted}, logs) == [CANARY]


@pytest.fixture
def planted(cluster: Cluster) -> Iterator[str]:
    """A canary: on a command line, in an environment, and in a log of a task and of a container of YARN's."""
    canary = secrets.token_urlsafe(32)
    airflow, node = cluster.one("airflow-scheduler"), cluster.containers("nodemanager")[0]
    files = ((airflow, f"{LOGS[0]}/planted.log"), (node, f"{LOGS[2]}/planted.log"))
    for container, path in files:
        cluster.exec(container, "sh", "-c", f"mkdir -p {LOGS[2]}; cat > {path}", stdin=canary)
    waiting = ("python", "-c", "import sys; sys.stdin.read()", canary)
    process = subprocess.Popen(
        ["docker", "exec", "-i", "-e", f"PLANTED={canary}", airflow.id, *waiting], stdin=subprocess.PIPE
    )
    try:
        yield canary
    finally:
        for container, path in files:
            cluster.exec(container, "rm", path)
        process.communicate(timeout=60)  # the end of its input is its end


def test_no_secret_is_on_a_command_line_in_an_environment_or_in_a_log(
    cluster: Cluster, words: Words, planted: str
) -> None:
    looked_for = {**words, CANARY: planted}

    def look(container: Container) -> list[str]:
        found = cluster.ask(container, "searching", limit_s=600, words=looked_for, roots=LOGS, watch_s=60)
        return [f"{container.service}: {each}" for each in found]

    containers = cluster.containers()
    with ThreadPoolExecutor(max_workers=len(containers)) as pool:
        looking = [pool.submit(look, each) for each in containers]
        cluster.hashtide("watch", "--until-done", limit_s=900)  # has the compaction and the report run
        found = [each for one in looking for each in one.result()]
    canaries = [each for each in found if f": {CANARY} in " in each]
    wheres = ("variable PLANTED", "command line of python", f"{LOGS[0]}/planted.log", f"{LOGS[2]}/planted.log")
    for where in wheres:
        assert any(where in each for each in canaries), f"the search does not find {where}: {canaries}"
    others = [each for each in found if each not in canaries]
    log.info("handed on to a child: %s", others)
    assert [each for each in others if not each.endswith(tuple(f"the variable {name}" for name in HANDED_ON))] == []
