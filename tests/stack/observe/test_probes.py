"""What Docker asks of each container, against small servers that speak the real protocol, and against real services."""

import json
import os
import socket
import socketserver
import ssl
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from stack.cluster import pki
from stack.observe import probes
from stack.observe.probes import ProbeError
from tests.secured_cluster import BROKER, SecuredCluster, running_cluster

HOST = "127.0.0.1"
ROLES = (
    "kafka", "namenode", "datanode", "resourcemanager", "nodemanager", "postgres",
    "airflow-api-server", "airflow-scheduler", "airflow-triggerer", "airflow-dag-processor",
)  # fmt: skip
FS_STATE = "/jmx?get=Hadoop:service=NameNode,name=FSNamesystemState::FSState"
ACTORS = "/jmx?get=Hadoop:service=DataNode,name=DataNodeInfo::BPServiceActorInfo"
HEALTH = "/api/v2/monitor/health"


@contextmanager
def serving(server: socketserver.TCPServer) -> Iterator[int]:
    """A server in a thread; yields its port."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@contextmanager
def web(answers: Mapping[str, object], status: int = 200) -> Iterator[int]:
    """A server of JSON by path and query."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(answers.get(self.path, {"unknown": self.path})).encode()
            self.send_response(status if self.path in answers else 404)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with serving(ThreadingHTTPServer((HOST, 0), Handler)) as port:
        yield port


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that does something with each connection."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            answer(self.request)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that goes away is what some tests are about."""

    with serving(Server((HOST, 0), Handler)) as port:
        yield port


def bean(name: str, **attributes: object) -> dict[str, object]:
    return {"beans": [{"name": name, "modelerType": "org.apache.hadoop", **attributes}]}


def actor(**changed: str) -> dict[str, str]:
    """As a DataNode of 3.5.0 tells it; numbers are strings, ages are seconds."""
    return {
        "NamenodeAddress": "namenode:8020",
        "NamenodeHaState": "active",
        "BlockPoolID": "BP-1",
        "ActorState": "RUNNING",
        "LastHeartbeat": "0",
        "LastHeartbeatResponseTime": "1",
        "LastBlockReport": "0",
    } | changed


@pytest.mark.parametrize("state", ["Operational", "safeMode"])
def test_a_namenode_is_healthy_out_of_safe_mode(state: str) -> None:
    with web({FS_STATE: bean("Hadoop:service=NameNode,name=FSNamesystemState", FSState=state)}) as port:
        if state == "Operational":
            probes.namenode(HOST, port)
        else:
            with pytest.raises(ProbeError, match="safe mode"):
                probes.namenode(HOST, port)


def test_a_namenode_whose_beans_are_not_there_yet_is_starting() -> None:
    with web({FS_STATE: {"beans": []}}) as port, pytest.raises(ProbeError, match="starting"):
        probes.namenode(HOST, port)


@pytest.mark.parametrize(
    ("actors", "wrong"),
    [
        ([actor()], None),
        ([actor(LastHeartbeatResponseTime="30")], None),
        ([actor(LastHeartbeatResponseTime="31")], "no answer from namenode:8020 for 31 s"),
        ([actor(ActorState="CONNECTING")], "not registered with namenode:8020: CONNECTING"),
        ([actor(), actor(ActorState="FAILED")], "not registered"),
        ([], "knows no NameNode"),
    ],
)
def test_a_datanode_is_healthy_while_its_namenode_answers(actors: list[dict[str, str]], wrong: str | None) -> None:
    with web(
        {ACTORS: bean("Hadoop:service=DataNode,name=DataNodeInfo", BPServiceActorInfo=json.dumps(actors))}
    ) as port:
        if wrong is None:
            probes.datanode(HOST, port)
        else:
            with pytest.raises(ProbeError, match=wrong):
                probes.datanode(HOST, port)


@pytest.mark.parametrize(
    ("state", "ha_state"), [("STARTED", "ACTIVE"), ("STARTED", "STANDBY"), ("INITED", "INITIALIZING")]
)
def test_a_resourcemanager_is_healthy_when_started_and_active(state: str, ha_state: str) -> None:
    with web({"/ws/v1/cluster/info": {"clusterInfo": {"state": state, "haState": ha_state}}}) as port:
        if (state, ha_state) == ("STARTED", "ACTIVE"):
            probes.resourcemanager(HOST, port)
        else:
            with pytest.raises(ProbeError, match=state):
                probes.resourcemanager(HOST, port)


def test_a_nodemanager_is_sick_with_its_own_words() -> None:
    info = {"nodeHealthy": True, "healthReport": ""}
    with web({"/ws/v1/node/info": {"nodeInfo": info}}) as port:
        probes.nodemanager(HOST, port)
        info.update(nodeHealthy=False, healthReport="1/1 local-dirs are bad")
        with pytest.raises(ProbeError, match="1/1 local-dirs are bad"):
            probes.nodemanager(HOST, port)


def airflows(status: str = "healthy", beat: datetime | None = None) -> dict[str, object]:
    at = (beat or datetime.now(UTC)).isoformat()
    return {
        HEALTH: {
            "metadatabase": {"status": status},
            "scheduler": {"status": status, "latest_scheduler_heartbeat": at},
            "triggerer": {"status": status, "latest_triggerer_heartbeat": at},
            "dag_processor": {"status": status, "latest_dag_processor_heartbeat": at},
        }
    }


@pytest.mark.parametrize("component", ["metadatabase", "scheduler", "triggerer", "dag_processor"])
def test_airflows_processes_are_healthy_by_their_own_line(component: str) -> None:
    now = datetime.now(UTC)
    with web(airflows(beat=now)) as port:
        probes.airflow(component, HOST, port, (now - timedelta(seconds=5)).timestamp())
    with web(airflows("unhealthy")) as port, pytest.raises(ProbeError, match="no heartbeat"):
        probes.airflow(component, HOST, port)


@pytest.mark.parametrize("component", ["scheduler", "triggerer", "dag_processor"])
def test_a_heartbeat_of_the_previous_process_does_not_count(component: str) -> None:
    now = datetime.now(UTC)
    with web(airflows(beat=now)) as port, pytest.raises(ProbeError, match="no heartbeat yet"):
        probes.airflow(component, HOST, port, (now + timedelta(seconds=1)).timestamp())


def test_the_container_was_started_after_the_machine_and_before_now() -> None:
    started_at = probes._container_started_at()
    booted = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime"))
    assert int(booted.split()[1]) <= started_at < datetime.now(UTC).timestamp()


def test_an_answer_that_is_no_200_says_which() -> None:
    with web({HEALTH: {}}, status=503) as port, pytest.raises(ProbeError, match="HTTP 503"):
        probes.airflow("metadatabase", HOST, port)


def test_a_server_that_hangs_up_is_sick() -> None:
    with answering(lambda _: None) as port, pytest.raises((ProbeError, ConnectionResetError)):
        probes.resourcemanager(HOST, port)


def test_a_server_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "_LIMIT_S", 0.2)
    over = threading.Event()

    def wait(_: socket.socket) -> None:
        over.wait(20)

    with answering(wait) as port:
        for check in (probes.resourcemanager, probes.postgres):
            with pytest.raises(TimeoutError):
                check(HOST, port)
        over.set()


def postgres_says(message: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        (size,) = struct.unpack(">i", connection.recv(4))
        assert connection.recv(size - 4).startswith(struct.pack(">i", 196608))
        connection.sendall(message)

    return answer


def test_a_postgres_that_asks_for_a_password_is_healthy() -> None:
    asks = b"SCRAM-SHA-256\0\0"
    with answering(postgres_says(b"R" + struct.pack(">ii", 8 + len(asks), 10) + asks)) as port:
        probes.postgres(HOST, port)


def test_a_postgres_that_recovers_says_so() -> None:
    fields = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"
    with (
        answering(postgres_says(b"E" + struct.pack(">i", 4 + len(fields)) + fields)) as port,
        pytest.raises(ProbeError, match="the database system is starting up"),
    ):
        probes.postgres(HOST, port)


def test_what_is_no_postgres_is_not_taken_for_one() -> None:
    with answering(postgres_says(b"H" + struct.pack(">i", 8) + b"TTP1")) as port, pytest.raises(ProbeError):
        probes.postgres(HOST, port)


def metadata(*brokers: tuple[str, int]) -> bytes:
    """An answer of version 4: correlation, throttle, brokers with and without a rack, cluster, controller, topics."""
    body = struct.pack(">iii", 0, 0, len(brokers))
    for number, (host, port) in enumerate(brokers):
        rack = struct.pack(">h", -1) if number % 2 else struct.pack(">h2s", 2, b"r1")
        body += struct.pack(">ih", number, len(host)) + host.encode() + struct.pack(">i", port) + rack
    return body + struct.pack(">h3sii", 3, b"abc", 1, 0)


def test_brokers_are_read_whatever_their_racks_and_names() -> None:
    found = probes._brokers(metadata(("kafka-1", 9094), ("k", 1), ("kafka-30", 65535)))
    assert found == [("kafka-1", 9094), ("k", 1), ("kafka-30", 65535)]


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("secrets")
    pki.ensure(root)
    return root / "kafka"


def broker_says(secrets: Path, name: str, answer: Callable[[], bytes]) -> Callable[[socket.socket], None]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(secrets / "ca.pem"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(secrets / f"{name}.pem")

    def speak(plain: socket.socket) -> None:
        with context.wrap_socket(plain, server_side=True) as connection:
            (size,) = struct.unpack(">i", connection.recv(4))
            request = connection.recv(size)
            assert struct.unpack(">hh", request[:4]) == (3, 4)
            connection.sendall(struct.pack(">i", len(answer())) + answer())

    return speak


def test_a_broker_is_healthy_when_clients_are_sent_to_it(secrets: Path) -> None:
    living: list[tuple[str, int]] = []
    with answering(broker_says(secrets, "kafka-1", lambda: metadata(*living))) as port:
        with pytest.raises(ProbeError, match="don't count on this broker"):
            probes.kafka("localhost", port, str(secrets / "kafka-1.pem"))
        living += [("kafka-2", port), ("localhost", port + 1)]
        with pytest.raises(ProbeError, match="don't count on this broker"):
            probes.kafka("localhost", port, str(secrets / "kafka-1.pem"))
        living.append(("localhost", port))
        probes.kafka("localhost", port, str(secrets / "kafka-1.pem"))


def test_a_broker_with_a_certificate_of_another_ca_is_unhealthy(secrets: Path, tmp_path: Path) -> None:
    pki.ensure(tmp_path)
    with (
        answering(broker_says(tmp_path / "kafka", "kafka-1", lambda: metadata())) as port,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        probes.kafka("localhost", port, str(secrets / "kafka-1.pem"))


@pytest.mark.kafka
def test_a_real_broker_is_healthy_until_it_is_killed(kafka_jars: Path, tmp_path: Path) -> None:
    def check() -> None:
        port = cluster.ports["kafka-1", BROKER]
        probes.kafka("localhost", port, str(cluster.secrets / "kafka" / "kafka-1.pem"))

    cluster: SecuredCluster
    with running_cluster(tmp_path, kafka_jars, ("kafka-1",)) as cluster:
        check()
        cluster.kill("kafka-1")
        with pytest.raises(ConnectionRefusedError):
            check()


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-I", "-S", probes.__file__, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env={**os.environ})


@pytest.mark.parametrize("role", ROLES)
def test_each_role_prints_one_line_if_the_service_does_not_answer(role: str) -> None:
    done = run(role)
    assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (1, "", 1)
    assert done.stdout.startswith("no answer: ")


def test_an_unknown_role_is_refused_with_the_known_ones() -> None:
    done = run("zookeeper")
    assert (done.returncode, done.stdout) == (1, f"one of: {' '.join(ROLES)}\n")
    assert run().returncode == 1


def test_the_command_ends_with_0_where_the_service_works(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer: dict[str, None] = {}
    monkeypatch.setattr(probes, "checks", lambda: {"good": lambda: None, "odd": lambda: answer["no"]})
    assert probes.main(["good"]) == 0
    assert capsys.readouterr().out == "healthy\n"
    assert probes.main(["odd"]) == 1
    assert capsys.readouterr().out == "not understood: KeyError: 'no'\n"
