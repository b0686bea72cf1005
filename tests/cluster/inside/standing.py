"""Who does what at the moment: whom a test has to kill. Sent to a container of Airflow's by `Cluster.ask`."""

from contextlib import closing
from typing import Any

import requests
from kafka import KafkaAdminClient

from stack.cluster.layout import deployment
from stack.observe.kafka_client import kafka_arguments


def main() -> dict[str, Any]:
    """Host names: the broker that leads the topic's first partition; the driver's node; executors' nodes."""
    endpoints = deployment().endpoints
    access = kafka_arguments(endpoints.kafka_config)
    with closing(KafkaAdminClient(bootstrap_servers=endpoints.bootstrap_servers.split(","), **access)) as admin:
        hosts = {each["broker_id"]: each["host"] for each in admin.describe_cluster()["brokers"]}
        first = next(part for part in admin.describe_topics(["posts"])[0]["partitions"] if part["partition_index"] == 0)
    yarn = f"{endpoints.resourcemanager_url}/ws/v1/cluster"
    apps = (_get(f"{yarn}/apps?states=RUNNING").get("apps") or {}).get("app") or []
    nodes = (_get(f"{yarn}/nodes?states=RUNNING").get("nodes") or {}).get("node") or []
    driver = apps[0]["amHostHttpAddress"].partition(":")[0] if apps else None
    executors = []
    for node in nodes:
        found = _get(f"http://{node['nodeHTTPAddress']}/ws/v1/node/containers")
        containers = (found.get("containers") or {}).get("container") or []
        executors += [node["nodeHostName"] for each in containers if not each["id"].endswith("_000001")]
    return {
        "leader": hosts[first["leader_id"]],
        "driver": driver,
        "executors": sorted(executors),
        "nodes": sorted(node["nodeHostName"] for node in nodes),
    }


def _get(url: str) -> dict[str, Any]:
    found: dict[str, Any] = requests.get(url, timeout=20).json()
    return found
