"""The health of each service of the cluster, by what the cluster says about its members.

A running process and an open port prove nothing: a broker is healthy if the controllers count it as alive, a DataNode
if the NameNode has heard from it, a NodeManager if the ResourceManager may give it work.
"""

import json
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import psycopg2

from stack.cluster.brokers import BrokersAwayError, describe_brokers
from stack.cluster.layout import DATANODES
from stack.config.deployment import Deployment
from stack.config.endpoints import Endpoints
from stack.observe.counts_db import read_only
from stack.observe.lags import measure_lags
from stack.observe.probes import ProbeError, describe, get_json
from stack.observe.stages import Stages
from stack.observe.status import ServiceStatus, Status

_LIMIT_S = 5.0
SILENT_AFTER_S = 30.0
"""A longer silence is not healthy: ten heartbeats of a DataNode, thirty of the collector."""
NODEMANAGER = "nodemanager"
AIRFLOW = {
    "airflow-api-server": ("Airflow API server", "metadatabase"),
    "airflow-scheduler": ("Airflow scheduler", "scheduler"),
    "airflow-dag-processor": ("Airflow DAG processor", "dag_processor"),
    "airflow-triggerer": ("Airflow triggerer", "triggerer"),
}
"""Service → its title, and its name in Airflow's health."""
HEALTHY = "healthy"
_NAMENODE, _RESOURCEMANAGER = "HDFS NameNode", "YARN ResourceManager"
_FAILURES = (ProbeError, OSError, KeyError, TypeError, ValueError)


def gather(deployment: Deployment, generation: int) -> Status:
    """Probes everything in parallel; takes a few seconds at most, however much is down."""
    endpoints = deployment.endpoints
    asked: Sequence[Callable[[Endpoints], list[ServiceStatus]]] = (brokers, hdfs, yarn, postgres, airflow, collector)
    with ThreadPoolExecutor(max_workers=len(asked) + 1) as pool:
        lags = pool.submit(measure_lags, endpoints, generation)
        found = [pool.submit(ask, endpoints) for ask in asked]
        services = [each for one in found for each in one.result()]
        return Status(str(endpoints.home), deployment.public_url, services, lags.result())


def brokers(endpoints: Endpoints) -> list[ServiceStatus]:
    """One row per broker: whether the controllers count it as alive, and whether its copies are in sync."""
    names = [server.partition(":")[0] for server in endpoints.bootstrap_servers.split(",")]
    try:
        found = describe_brokers(endpoints.bootstrap_servers, endpoints.kafka_config, endpoints.topic, _LIMIT_S)
    except BrokersAwayError as error:
        return [_row(name, _broker_title(name), str(error)) for name in names]
    rows = []
    for name in sorted({*names, *found.alive, *found.behind}):
        behind = found.behind.get(name, 0)
        health = HEALTHY if not behind else f"is behind in {behind} of {found.partitions} partitions"
        rows.append(_row(name, _broker_title(name), health if name in found.alive else "is not in the cluster"))
    return rows


def _broker_title(name: str) -> str:
    return f"Kafka {name.removeprefix('kafka-')}"


def hdfs(endpoints: Endpoints) -> list[ServiceStatus]:
    """The NameNode, and the DataNodes as it reports them."""
    try:
        info = _namenode_info(endpoints.namenode_url)
        return [_namenode(info), *_datanodes(json.loads(info["LiveNodes"]))]
    except _FAILURES as error:
        unknown = "unknown: the NameNode does not answer"
        rows = [_row(name, _datanode_title(name), unknown) for name in DATANODES]
        return [_row("namenode", _NAMENODE, describe(error)), *rows]


def _namenode_info(namenode_url: str) -> Mapping[str, Any]:
    beans = get_json(namenode_url, "/jmx?qry=Hadoop:service=NameNode,name=NameNodeInfo")["beans"]
    if not beans:
        raise ProbeError("is starting")
    found: Mapping[str, Any] = beans[0]
    return found


def _namenode(bean: Mapping[str, Any]) -> ServiceStatus:
    missing = int(bean.get("NumberOfMissingBlocks") or 0)
    health = HEALTHY if not missing else f"{missing} blocks are on no living DataNode"
    return _row("namenode", _NAMENODE, str(bean["Safemode"]).split(".")[0] or health)


def _datanodes(living: Mapping[str, Mapping[str, Any]]) -> list[ServiceStatus]:
    last_words_s = {node.partition(":")[0]: float(about["lastContact"]) for node, about in living.items()}
    rows = []
    for name in sorted({*DATANODES, *last_words_s}):
        silent_s = last_words_s.get(name)
        if silent_s is None:
            health = "is not known to the NameNode"
        else:
            health = HEALTHY if silent_s <= SILENT_AFTER_S else f"is silent for {silent_s:.0f} s"
        rows.append(_row(name, _datanode_title(name), health))
    return rows


def _datanode_title(name: str) -> str:
    return f"HDFS DataNode {name.removeprefix('datanode-')}"


def yarn(endpoints: Endpoints, containers_up: Callable[[], int] | None = None) -> list[ServiceStatus]:
    """The ResourceManager, and the NodeManagers as it reports them.

    `containers_up` counts the containers of the service, by Docker's DNS unless given.
    """
    try:
        nodes = _nodes(endpoints.resourcemanager_url)
        rows = [_nodemanager(node) for node in nodes if node["state"] not in ("SHUTDOWN", "DECOMMISSIONED")]
    except _FAILURES as error:
        return [_row("resourcemanager", _RESOURCEMANAGER, describe(error))]
    running = sum(node["state"] == "RUNNING" for node in nodes)
    strangers = (containers_up or _addresses_of_nodemanagers)() - running
    if strangers > 0:
        rows.append(_row(NODEMANAGER, f"YARN NodeManager ({strangers} more)", "not known to the ResourceManager"))
    elif not rows:
        rows.append(_row(NODEMANAGER, "YARN NodeManager", "none is there"))
    return [_row("resourcemanager", _RESOURCEMANAGER, HEALTHY), *sorted(rows, key=lambda row: row.title)]


def _nodes(url: str) -> list[Mapping[str, Any]]:
    if get_json(url, "/ws/v1/cluster/info")["clusterInfo"]["state"] != "STARTED":
        raise ProbeError("is starting")
    found: list[Mapping[str, Any]] = (get_json(url, "/ws/v1/cluster/nodes")["nodes"] or {}).get("node") or []
    return found


def _nodemanager(node: Mapping[str, Any]) -> ServiceStatus:
    row = _row(NODEMANAGER, f"YARN NodeManager {node['nodeHostName']}", _health_of_node(node))
    return replace(row, containers=int(node.get("numContainers") or 0))


def _health_of_node(node: Mapping[str, Any]) -> str:
    if node["state"] == "RUNNING":
        return HEALTHY
    if node["state"] == "LOST":
        # A node that was scaled away looks like one that was killed: the message covers both.
        return (
            "is lost: `docker compose up -d` starts it again; if it was scaled away, "
            "`docker compose restart resourcemanager` forgets it"
        )
    return " ".join(f"{node['state'].lower()} {node.get('healthReport') or ''}".split())


def _addresses_of_nodemanagers() -> int:
    try:
        return len(socket.gethostbyname_ex(NODEMANAGER)[2])
    except OSError:
        return 0


def postgres(endpoints: Endpoints) -> list[ServiceStatus]:
    """Whether it answers a query of the read-only role."""
    try:
        with read_only(endpoints.reader_dsn_file) as cursor:
            cursor.execute("select 1")
    except (psycopg2.Error, OSError) as error:
        return [_row("postgres", "Postgres", (str(error).strip().splitlines() or ["no answer"])[-1])]
    return [_row("postgres", "Postgres", HEALTHY)]


def airflow(endpoints: Endpoints) -> list[ServiceStatus]:
    """Airflow's four processes, by their heartbeats."""
    try:
        found = get_json(endpoints.airflow_url, "/api/v2/monitor/health")
    except _FAILURES as error:
        healths = dict.fromkeys(AIRFLOW, "unknown: the API server does not answer")
        healths["airflow-api-server"] = describe(error)
    else:
        healths = {name: _heartbeat(found.get(component)) for name, (_, component) in AIRFLOW.items()}
    return [_row(name, AIRFLOW[name][0], health) for name, health in healths.items()]


def _heartbeat(component: object) -> str:
    fine = isinstance(component, dict) and component.get("status") == HEALTHY
    return HEALTHY if fine else "no heartbeat"


def collector(endpoints: Endpoints, now_s: float | None = None) -> list[ServiceStatus]:
    """The collector, if its state says that it runs; `now_s` is epoch seconds."""
    found = Stages(endpoints, 0).collector()
    if found is None or found.status != "running":
        return []
    silent_s = (time.time() if now_s is None else now_s) - found.updated_at
    health = HEALTHY if silent_s <= SILENT_AFTER_S else f"is silent for {silent_s:.0f} s; collect_posts restarts it"
    return [_row("collector", "Collector", health)]


def _row(name: str, title: str, health: str) -> ServiceStatus:
    return ServiceStatus(name, title, "running" if health == HEALTHY else "failing", health=health)
