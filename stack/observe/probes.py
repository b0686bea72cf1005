"""Whether a service works: asks it something that only a working service can answer; an open port is not enough.

Docker runs this file in every container, every few seconds; exit status 0 or 1, and one line:

    python3 -I -S stack/observe/probes.py ROLE

It imports little, from the standard library only: importing urllib alone would take longer than a probe.
"""

import json
import os
import socket
import struct
import sys
from collections.abc import Callable, Mapping

_LIMIT_S = 5.0
_MOST_BYTES = 4 << 20
_HEARTBEAT_LIMIT_S = 30
_KAFKA_SECRETS = "/run/secrets/kafka"
_AIRFLOW = "airflow-api-server"


class ProbeError(Exception):
    """The service does not work (yet); the message says in a few words what is missing."""


def problem(probe: "Callable[[], object]") -> str:
    """What is missing for a service to be healthy, in a few words; empty if nothing is."""
    try:
        probe()
    except (ProbeError, OSError, ValueError, KeyError, TypeError, IndexError, struct.error) as error:
        return describe(error)
    return ""


def describe(error: Exception) -> str:
    """What a failed probe says."""
    if isinstance(error, ProbeError):
        return str(error)
    if isinstance(error, OSError):  # refused, timed out, a certificate that is not right
        return f"no answer: {error}"
    return f"not understood: {type(error).__name__}: {error}"


def kafka(host: str, port: int, certificate: str = "") -> None:
    """The broker says that it is one of the brokers that clients are sent to.

    Args:
        host: as the broker advertises itself.
        port: of a listener without passwords; the clients' listener of a secured broker answers nobody else.
        certificate: PEM file of certificate and key, `ca.pem` beside it, for a listener with TLS; empty for plain text.
    """
    with _connected(host, port) as plain, _secured(plain, host, certificate) as connection:
        # Metadata, version 4 (KIP-4), of no topic: key, version, correlation, client's name, topics, auto-creation.
        connection.sendall(_sized(struct.pack(">hhih6si?", 3, 4, 0, 6, b"health", 0, False)))
        (size,) = struct.unpack(">i", _exactly(connection, 4))
        answer = _exactly(connection, min(size, _MOST_BYTES))
    if (host, port) not in _brokers(answer):
        raise ProbeError("the controllers don't count on this broker yet")


def _secured(plain: socket.socket, host: str, certificate: str) -> socket.socket:
    if not certificate:
        return plain
    import ssl  # 10 ms that the other probes don't need

    context = ssl.create_default_context(cafile=f"{os.path.dirname(certificate)}/ca.pem")  # noqa: PTH120 - as above
    context.load_cert_chain(certificate)
    return context.wrap_socket(plain, server_hostname=host)


def _brokers(answer: bytes) -> list[tuple[str, int]]:
    """Host and port of each living broker in an answer to the request above."""
    found, (count,) = [], struct.unpack_from(">i", answer, 8)  # behind correlation and throttle time
    at = 12
    for _ in range(count):
        (length,) = struct.unpack_from(">h", answer, at + 4)  # behind the broker's number
        host, at = answer[at + 6 : at + 6 + length].decode(), at + 6 + length
        (port, rack) = struct.unpack_from(">ih", answer, at)
        at += 6 + max(rack, 0)
        found.append((host, port))
    return found


def namenode(host: str, port: int) -> None:
    """It is out of safe mode, so it takes writes."""
    state = _bean(host, port, "NameNode,name=FSNamesystemState", "FSState")
    if state != "Operational":
        raise ProbeError("in safe mode")


def datanode(host: str, port: int) -> None:
    """Its NameNode has answered its heartbeat within the last 30 s."""
    actors = json.loads(str(_bean(host, port, "DataNode,name=DataNodeInfo", "BPServiceActorInfo")))
    if not actors:
        raise ProbeError("knows no NameNode")
    for actor in actors:
        if actor["ActorState"] != "RUNNING":
            raise ProbeError(f"not registered with {actor['NamenodeAddress']}: {actor['ActorState']}")
        age_s = int(actor["LastHeartbeatResponseTime"])
        if age_s > _HEARTBEAT_LIMIT_S:
            raise ProbeError(f"no answer from {actor['NamenodeAddress']} for {age_s} s")


def resourcemanager(host: str, port: int) -> None:
    """It is started and active."""
    info = get_json(f"{host}:{port}", "/ws/v1/cluster/info")["clusterInfo"]
    if info["state"] != "STARTED" or info["haState"] != "ACTIVE":
        raise ProbeError(f"{info['state']}, {info['haState']}")


def nodemanager_registered(host: str, port: int) -> None:
    """The ResourceManager at `host:port` has a NodeManager that it may give work to."""
    if not get_json(f"{host}:{port}", "/ws/v1/cluster/metrics")["clusterMetrics"]["activeNodes"]:
        raise ProbeError("not known to the ResourceManager, or its disk is full")


def nodemanager(host: str, port: int) -> None:
    """Its disks can be written to."""
    info = get_json(f"{host}:{port}", "/ws/v1/node/info")["nodeInfo"]
    if not info["nodeHealthy"]:
        raise ProbeError(str(info.get("healthReport") or "not healthy"))


def postgres(host: str, port: int) -> None:
    """It takes logins: it asks for a password."""
    packet = struct.pack(">i", 196608) + b"user\0postgres\0database\0postgres\0\0"  # protocol 3.0
    with _connected(host, port) as connection:
        connection.sendall(struct.pack(">i", len(packet) + 4) + packet)
        kind, size = struct.unpack(">ci", _exactly(connection, 5))
        rest = _exactly(connection, min(size - 4, _MOST_BYTES))
    if kind == b"E":
        fields = {part[:1]: part[1:] for part in rest.split(b"\0") if part}
        raise ProbeError(fields.get(b"M", b"refuses").decode(errors="replace"))
    if kind != b"R":
        raise ProbeError("not a Postgres")


def airflow(component: str, host: str, port: int, started_at: float = 0.0) -> None:
    """Airflow's API server says so, and of the other three that they have had a heartbeat since they were started.

    Airflow calls 30 s fresh enough: that may be the previous process's last heartbeat.
    """
    health = get_json(f"{host}:{port}", "/api/v2/monitor/health")[component]
    if health["status"] != "healthy":
        raise ProbeError("no heartbeat")
    if component != "metadatabase" and _instant(health[f"latest_{component}_heartbeat"]) < started_at:
        raise ProbeError("no heartbeat yet")


def _instant(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()


def _container_started_at() -> float:
    """When the container's first process was started, seconds since the epoch."""
    with open("/proc/stat") as file:  # noqa: PTH123 - pathlib takes longer to import than this to run
        booted_at = next(int(line.split()[1]) for line in file if line.startswith("btime"))
    with open("/proc/1/stat") as file:  # noqa: PTH123
        ticks = int(file.read().rpartition(")")[2].split()[19])
    return booted_at + ticks / os.sysconf("SC_CLK_TCK")


def _connected(host: str, port: int) -> socket.socket:
    return socket.create_connection((host, port), timeout=_LIMIT_S)


def _sized(message: bytes) -> bytes:
    return struct.pack(">i", len(message)) + message


def _exactly(connection: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        part = connection.recv(size - len(found))
        if not part:
            raise ProbeError("hangs up")
        found += part
    return found


def _bean(host: str, port: int, name: str, attribute: str) -> object:
    """One attribute of a Hadoop daemon: a whole bean has hundreds."""
    beans = get_json(f"{host}:{port}", f"/jmx?get=Hadoop:service={name}::{attribute}").get("beans")
    if not beans:
        raise ProbeError("is starting")
    return beans[0][attribute]


def get_json(address: str, path: str) -> "dict[str, Any]":  # type: ignore[name-defined]  # noqa: F821
    """The JSON object at a path of `host:port`; no proxy is used.

    Raises:
        ProbeError: another status than 200, or no whole answer.
        OSError, ValueError: no answer, or no JSON object.
    """
    host, _, port = address.removeprefix("http://").partition(":")
    # HTTP 1.0: the answer comes in one piece and ends with the connection.
    request = f"GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\nAccept: application/json\r\n\r\n"
    answer = b""
    with _connected(host, int(port)) as connection:
        connection.sendall(request.encode())
        while part := connection.recv(65536):
            answer += part
            if len(answer) > _MOST_BYTES:
                raise ProbeError("answers without an end")
    head, _, body = answer.partition(b"\r\n\r\n")
    status = head.split(b" ", 2)[1:2]
    if status != [b"200"]:
        raise ProbeError(f"HTTP {status[0].decode(errors='replace')}" if status else "hangs up")
    found = json.loads(body)
    if not isinstance(found, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - as json's own errors
    return found


def checks() -> Mapping[str, Callable[[], None]]:
    """The probe of each role, as its own container runs it."""
    own = socket.gethostname()

    def process(component: str) -> Callable[[], None]:
        return lambda: airflow(component, _AIRFLOW, 8080, _container_started_at())

    return {
        "kafka": lambda: kafka(own, 9094, f"{_KAFKA_SECRETS}/{own}.pem"),
        "namenode": lambda: namenode(own, 9870),
        "datanode": lambda: datanode(own, 9864),
        "resourcemanager": lambda: resourcemanager(own, 8088),
        "nodemanager": lambda: nodemanager(own, 8042),
        "postgres": lambda: postgres(own, 5432),
        "airflow-api-server": lambda: airflow("metadatabase", own, 8080),
        "airflow-scheduler": process("scheduler"),
        "airflow-triggerer": process("triggerer"),
        "airflow-dag-processor": process("dag_processor"),
    }


def main(arguments: list[str]) -> int:
    """Probes once; returns the exit status."""
    known = checks()
    if len(arguments) != 1 or arguments[0] not in known:
        sys.stdout.write(f"one of: {' '.join(known)}\n")
        return 1
    if why := problem(known[arguments[0]]):
        sys.stdout.write(f"{why}\n")
        return 1
    sys.stdout.write("healthy\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
