"""Whether each service does its work: a question to itself, never whether a process or a port is there."""

from collections.abc import Callable, Mapping

import psycopg2
import requests
from kafka import KafkaAdminClient

from stack.site import Site

_LIMIT_S = 5.0
Check = Callable[[Site], None]


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


def postgres(site: Site) -> None:
    """It answers a query."""
    try:
        connection = psycopg2.connect(site.superuser_dsn(), connect_timeout=int(_LIMIT_S))
    except psycopg2.Error as error:
        raise NotHealthyError(str(error).strip().splitlines()[-1]) from None
    with connection.cursor() as cursor:
        cursor.execute("select 1")
    connection.close()


def kafka(site: Site) -> None:
    """A broker is in the cluster and answers for itself."""
    try:
        admin = KafkaAdminClient(
            bootstrap_servers=site.endpoints.bootstrap_servers,
            request_timeout_ms=int(_LIMIT_S * 1000),
            bootstrap_timeout_ms=int(_LIMIT_S * 1000),
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


def _namenode_bean(site: Site, name: str) -> Mapping[str, object]:
    url = f"{site.endpoints.namenode_url}/jmx?qry=Hadoop:service=NameNode,name={name}"
    beans = _get(url)["beans"]
    if not isinstance(beans, list) or not beans:
        raise NotHealthyError("is starting")
    bean: Mapping[str, object] = beans[0]
    return bean


def namenode(site: Site) -> None:
    """It is out of safe mode, so it takes writes."""
    if safe_mode := _namenode_bean(site, "NameNodeInfo")["Safemode"]:
        raise NotHealthyError(str(safe_mode).split(".")[0])


def datanode(site: Site) -> None:
    """The NameNode counts it among the living."""
    if not _namenode_bean(site, "FSNamesystemState")["NumLiveDataNodes"]:
        raise NotHealthyError("not known to the NameNode")


def resourcemanager(site: Site) -> None:
    """It is started and active."""
    info = _get(f"{site.endpoints.resourcemanager_url}/ws/v1/cluster/info")["clusterInfo"]
    if not isinstance(info, dict) or info.get("state") != "STARTED":
        raise NotHealthyError("is starting")


def nodemanager(site: Site) -> None:
    """The ResourceManager may give it work."""
    metrics = _get(f"{site.endpoints.resourcemanager_url}/ws/v1/cluster/metrics")["clusterMetrics"]
    if not isinstance(metrics, dict) or not metrics.get("activeNodes"):
        raise NotHealthyError("not known to the ResourceManager, or its disk is full")


def _airflow(component: str) -> Check:
    def check(site: Site) -> None:
        health = _get(f"{site.endpoints.airflow_url}/api/v2/monitor/health").get(component)
        if not isinstance(health, dict) or health.get("status") != "healthy":
            raise NotHealthyError("no heartbeat")

    return check


CHECKS: Mapping[str, Check] = {
    "postgres": postgres,
    "kafka": kafka,
    "namenode": namenode,
    "datanode": datanode,
    "resourcemanager": resourcemanager,
    "nodemanager": nodemanager,
    "airflow-api-server": _airflow("metadatabase"),
    "airflow-dag-processor": _airflow("dag_processor"),
    "airflow-scheduler": _airflow("scheduler"),
    "airflow-triggerer": _airflow("triggerer"),
}
