"""Whether each service does its work: a question to itself, never whether a process or a port is there."""

from collections.abc import Callable, Mapping
from datetime import datetime

import psutil
import psycopg2
import requests
from kafka import KafkaAdminClient

from stack.config.deployment import Deployment
from stack.daemons.supervision import Process
from stack.observe.kafka_client import kafka_arguments

_LIMIT_S = 5.0
Check = Callable[[Deployment, float], None]
"""Raises NotHealthyError. The float is when the process was started, seconds since the epoch."""


class NotHealthyError(Exception):
    """The service does not do its work (yet); the message says in a few words what is missing."""


def _get(url: str) -> dict[str, object]:
    try:
        answer = requests.get(url, timeout=_LIMIT_S)
        answer.raise_for_status()
        found: dict[str, object] = answer.json()
    except (requests.RequestException, ValueError) as error:
        raise NotHealthyError(f"no answer ({type(error).__name__})") from None
    return found


def postgres(deployment: Deployment, _started_at: float) -> None:
    """It answers a query."""
    try:
        connection = psycopg2.connect(deployment.superuser_dsn(), connect_timeout=int(_LIMIT_S))
    except psycopg2.Error as error:
        raise NotHealthyError(str(error).strip().splitlines()[-1]) from None
    with connection.cursor() as cursor:
        cursor.execute("select 1")
    connection.close()


def kafka(deployment: Deployment, _started_at: float) -> None:
    """A broker is in the cluster and answers for itself."""
    try:
        admin = KafkaAdminClient(
            bootstrap_servers=deployment.endpoints.bootstrap_servers.split(","),
            request_timeout_ms=int(_LIMIT_S * 1000),
            bootstrap_timeout_ms=int(_LIMIT_S * 1000),
            **kafka_arguments(deployment.endpoints.kafka_config),
        )
    except Exception as error:  # kafka-python raises a dozen kinds while a broker starts
        raise NotHealthyError(f"no answer ({type(error).__name__})") from None
    try:
        brokers = admin.describe_cluster()["brokers"]
    except Exception as error:  # as above
        raise NotHealthyError(f"no answer ({type(error).__name__})") from None
    finally:
        admin.close()
    if not brokers:
        raise NotHealthyError("no broker in the cluster")


def _namenode_bean(deployment: Deployment, name: str) -> Mapping[str, object]:
    url = f"{deployment.endpoints.namenode_url}/jmx?qry=Hadoop:service=NameNode,name={name}"
    beans = _get(url)["beans"]
    if not isinstance(beans, list) or not beans:
        raise NotHealthyError("is starting")
    bean: Mapping[str, object] = beans[0]
    return bean


def namenode(deployment: Deployment, _started_at: float) -> None:
    """It is out of safe mode, so it takes writes."""
    if safe_mode := _namenode_bean(deployment, "NameNodeInfo")["Safemode"]:
        raise NotHealthyError(str(safe_mode).split(".")[0])


def datanode(deployment: Deployment, _started_at: float) -> None:
    """The NameNode counts it among the living."""
    if not _namenode_bean(deployment, "FSNamesystemState")["NumLiveDataNodes"]:
        raise NotHealthyError("not known to the NameNode")


def resourcemanager(deployment: Deployment, _started_at: float) -> None:
    """It is started and active."""
    info = _get(f"{deployment.endpoints.resourcemanager_url}/ws/v1/cluster/info")["clusterInfo"]
    if not isinstance(info, dict) or info.get("state") != "STARTED":
        raise NotHealthyError("is starting")


def nodemanager(deployment: Deployment, _started_at: float) -> None:
    """The ResourceManager may give it work."""
    metrics = _get(f"{deployment.endpoints.resourcemanager_url}/ws/v1/cluster/metrics")["clusterMetrics"]
    if not isinstance(metrics, dict) or not metrics.get("activeNodes"):
        raise NotHealthyError("not known to the ResourceManager, or its disk is full")


def _airflow(deployment: Deployment, component: str) -> Mapping[str, object]:
    health = _get(f"{deployment.endpoints.airflow_url}/api/v2/monitor/health").get(component)
    if not isinstance(health, dict) or health.get("status") != "healthy":
        raise NotHealthyError("no heartbeat")
    return health


def airflow_api_server(deployment: Deployment, _started_at: float) -> None:
    """It answers, and the database answers it."""
    _airflow(deployment, "metadatabase")


def _heartbeat(component: str) -> Check:
    def check(deployment: Deployment, started_at: float) -> None:
        last = str(_airflow(deployment, component).get(f"latest_{component}_heartbeat"))
        # Airflow calls 30 s fresh enough: that may be the last word of the process before this one.
        if datetime.fromisoformat(last).timestamp() < started_at:
            raise NotHealthyError("no heartbeat yet")

    return check


_CHECKS: Mapping[str, Check] = {
    "postgres": postgres,
    "kafka": kafka,
    "namenode": namenode,
    "datanode": datanode,
    "resourcemanager": resourcemanager,
    "nodemanager": nodemanager,
    "airflow-api-server": airflow_api_server,
    "airflow-dag-processor": _heartbeat("dag_processor"),
    "airflow-scheduler": _heartbeat("scheduler"),
    "airflow-triggerer": _heartbeat("triggerer"),
}
# Which of the deployment's ports a service answers on; the others are asked about by way of these.
_PORTS = {
    "postgres": "postgres",
    "kafka": "kafka",
    "namenode": "namenode_http",
    "resourcemanager": "resourcemanager_http",
    "airflow-api-server": "airflow",
}


def check(deployment: Deployment, name: str, process: Process) -> None:
    """Asks a service, and makes sure that it is ours that answers: posts must never flow into another stack.

    Raises:
        NotHealthyError: says in a few words what is missing.
    """
    _CHECKS[name](deployment, process.started_at)
    port = deployment.ports[_PORTS[name]] if name in _PORTS else None
    if port is not None and not listens(process.pid, port):
        raise NotHealthyError(f"port {port} is another program's; `down`, then `up` takes another port")


def listens(pid: int, port: int) -> bool:
    """Returns whether the process, or a child of it, listens on the TCP port."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return False
    return any(_listens(one, port) for one in family)


def _listens(process: psutil.Process, port: int) -> bool:
    try:
        found = process.net_connections("tcp")
    except psutil.Error:  # a child may end while we look
        return False
    return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in found)
