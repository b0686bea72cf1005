"""Whether the service of this container does its work, asked by Docker every few seconds in each of them.

    python3 -I -S stack/cluster/healthcheck.py ROLE

Ends with 0 or 1 and one line. The standard library only, and little of it: importing urllib alone costs more than all
of a check. Each service is asked a question that only one that works can answer; a listening port is not enough.
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


class SickError(Exception):
    """The service does not do its work (yet); the message says in a few words what is missing."""


def kafka(name: str, port: int, secrets: str, host: str) -> None:
    """The broker answers for itself, at the listener of brokers, that it is one of those that clients are sent to.

    The same handshake at the clients' listener would say less: nothing is answered there without a password.
    """
    import ssl  # 10 ms that the other checks don't need

    context = ssl.create_default_context(cafile=f"{secrets}/ca.pem")
    context.load_cert_chain(f"{secrets}/{name}.pem")
    with _connected(host, port) as plain, context.wrap_socket(plain, server_hostname=host) as connection:
        # Metadata, version 4 (KIP-4), of no topic: key, version, correlation, client's name, topics, auto-creation.
        connection.sendall(_sized(struct.pack(">hhih6si?", 3, 4, 0, 6, b"health", 0, False)))
        (size,) = struct.unpack(">i", _exactly(connection, 4))
        answer = _exactly(connection, min(size, _MOST_BYTES))
    if (host, port) not in _brokers(answer):
        raise SickError("the controllers don't count on this broker yet")


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
        raise SickError("in safe mode")


def datanode(host: str, port: int) -> None:
    """Its NameNode has heard of it within half a minute, and has answered."""
    actors = json.loads(str(_bean(host, port, "DataNode,name=DataNodeInfo", "BPServiceActorInfo")))
    if not actors:
        raise SickError("knows no NameNode")
    for actor in actors:
        if actor["ActorState"] != "RUNNING":
            raise SickError(f"not registered with {actor['NamenodeAddress']}: {actor['ActorState']}")
        age_s = int(actor["LastHeartbeatResponseTime"])
        if age_s > _HEARTBEAT_LIMIT_S:
            raise SickError(f"no answer from {actor['NamenodeAddress']} for {age_s} s")


def resourcemanager(host: str, port: int) -> None:
    """It is started and active."""
    info = _get(host, port, "/ws/v1/cluster/info")["clusterInfo"]
    if info["state"] != "STARTED" or info["haState"] != "ACTIVE":
        raise SickError(f"{info['state']}, {info['haState']}")


def nodemanager(host: str, port: int) -> None:
    """Its disks can be written to."""
    info = _get(host, port, "/ws/v1/node/info")["nodeInfo"]
    if not info["nodeHealthy"]:
        raise SickError(str(info.get("healthReport") or "not healthy"))


def postgres(host: str, port: int) -> None:
    """It takes logins: it asks who is at the door for a password."""
    packet = struct.pack(">i", 196608) + b"user\0postgres\0database\0postgres\0\0"  # protocol 3.0
    with _connected(host, port) as connection:
        connection.sendall(struct.pack(">i", len(packet) + 4) + packet)
        kind, size = struct.unpack(">ci", _exactly(connection, 5))
        rest = _exactly(connection, min(size - 4, _MOST_BYTES))
    if kind == b"E":
        fields = {part[:1]: part[1:] for part in rest.split(b"\0") if part}
        raise SickError(fields.get(b"M", b"refuses").decode(errors="replace"))
    if kind != b"R":
        raise SickError("no answer of Postgres's")


def airflow(component: str, host: str, port: int, started_at: float = 0.0) -> None:
    """Airflow's API server says so, and of the other three that they have had a heartbeat since they were started.

    Airflow calls 30 s fresh enough: that may be the last word of the process before this one.
    """
    health = _get(host, port, "/api/v2/monitor/health")[component]
    if health["status"] != "healthy":
        raise SickError("no heartbeat")
    if component != "metadatabase" and _instant(health[f"latest_{component}_heartbeat"]) < started_at:
        raise SickError("no heartbeat yet")


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
            raise SickError("hangs up")
        found += part
    return found


def _bean(host: str, port: int, name: str, attribute: str) -> object:
    """One attribute of a Hadoop daemon's, not the hundreds that the others of its bean take to work out."""
    beans = _get(host, port, f"/jmx?get=Hadoop:service={name}::{attribute}").get("beans")
    if not beans:
        raise SickError("is starting")
    return beans[0][attribute]


def _get(host: str, port: int, path: str) -> "dict[str, Any]":  # type: ignore[name-defined]  # noqa: F821
    # HTTP 1.0: the answer comes in one piece and ends with the connection.
    request = f"GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\nAccept: application/json\r\n\r\n"
    answer = b""
    with _connected(host, port) as connection:
        connection.sendall(request.encode())
        while part := connection.recv(65536):
            answer += part
            if len(answer) > _MOST_BYTES:
                raise SickError("answers without an end")
    head, _, body = answer.partition(b"\r\n\r\n")
    status = head.split(b" ", 2)[1:2]
    if status != [b"200"]:
        raise SickError(f"HTTP {status[0].decode(errors='replace')}" if status else "hangs up")
    found: dict[str, object] = json.loads(body)
    return found


def checks() -> Mapping[str, Callable[[], None]]:
    """Returns the check of each role, as this container has to ask it."""
    own = socket.gethostname()

    def process(component: str) -> Callable[[], None]:
        return lambda: airflow(component, _AIRFLOW, 8080, _container_started_at())

    return {
        "kafka": lambda: kafka(own, 9094, _KAFKA_SECRETS, own),
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
    """Asks once; returns the exit status."""
    known = checks()
    if len(arguments) != 1 or arguments[0] not in known:
        sys.stdout.write(f"one of: {' '.join(known)}\n")
        return 1
    try:
        known[arguments[0]]()
    except SickError as error:
        sys.stdout.write(f"{error}\n")
        return 1
    except OSError as error:  # refused, timed out, a certificate that is not right
        sys.stdout.write(f"no answer: {error}\n")
        return 1
    except (ValueError, KeyError, TypeError, IndexError, struct.error) as error:
        sys.stdout.write(f"not understood: {type(error).__name__}: {error}\n")
        return 1
    sys.stdout.write("healthy\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
