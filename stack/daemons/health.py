"""Whether each service on this machine works, and whether it is ours that answers."""

from collections.abc import Callable, Mapping

import psutil

from stack.config.deployment import Deployment
from stack.daemons.supervision import Process
from stack.observe import probes

HEALTHY = "healthy"
# Which of the deployment's ports a service answers on; the others are asked about by way of these.
_PORTS = {
    "postgres": "postgres",
    "kafka": "kafka",
    "namenode": "namenode_http",
    "resourcemanager": "resourcemanager_http",
    "airflow-api-server": "airflow",
}


def health(deployment: Deployment, name: str, process: Process) -> str:
    """`healthy`, or what is missing in a few words.

    It must be our process that answers: posts must never flow into another stack.
    """
    if why := probes.problem(_probes(deployment, process.started_at)[name]):
        return why
    port = deployment.ports[_PORTS[name]] if name in _PORTS else None
    if port is not None and not listens(process.pid, port):
        return f"port {port} is another program's; `down`, then `up` takes another port"
    return HEALTHY


def _probes(deployment: Deployment, started_at: float) -> Mapping[str, Callable[[], None]]:
    hosts, ports = deployment.hosts, deployment.ports

    def airflow(component: str) -> Callable[[], None]:
        return lambda: probes.airflow(component, hosts["airflow"], ports["airflow"], started_at)

    return {
        "postgres": lambda: probes.postgres(hosts["postgres"], ports["postgres"]),
        "kafka": lambda: probes.kafka(hosts["kafka"], ports["kafka"]),
        "namenode": lambda: probes.namenode(hosts["namenode"], ports["namenode_http"]),
        "datanode": lambda: probes.datanode(hosts["datanode"], ports["datanode_http"]),
        "resourcemanager": lambda: probes.resourcemanager(hosts["resourcemanager"], ports["resourcemanager_http"]),
        "nodemanager": lambda: probes.nodemanager_registered(hosts["resourcemanager"], ports["resourcemanager_http"]),
        "airflow-api-server": airflow("metadatabase"),
        "airflow-dag-processor": airflow("dag_processor"),
        "airflow-scheduler": airflow("scheduler"),
        "airflow-triggerer": airflow("triggerer"),
    }


def listens(pid: int, port: int) -> bool:
    """Whether the process or one of its children listens on the TCP port."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return False
    return any(_listens(one, port) for one in family)


def _listens(process: psutil.Process, port: int) -> bool:
    try:
        found = process.net_connections("tcp")
    except psutil.Error:  # a child may end meanwhile
        return False
    return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in found)
