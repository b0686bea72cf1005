"""`down`: stops everything in an order in which nothing is lost, and leaves no process behind."""

import getpass
import os
import signal
import time
from collections.abc import Callable

import psutil
import requests

from contract.names import ROOT, STOP_MARKERS, generation_folder, generation_of_tag
from stack.config.ports import HOST, recall
from stack.config.state_directory import StateDirectory
from stack.daemons.launch import end_all, working_in
from stack.daemons.processes import collector_process
from stack.daemons.supervision import Supervisor
from stack.observe.progress import Steps

COLLECTOR_LIMIT_S = 30.0
STREAM_LIMIT_S = 90.0
_REQUEST_LIMIT_S = 10.0
_AIRFLOW = ("airflow-dag-processor", "airflow-triggerer", "airflow-scheduler", "airflow-api-server")
_ENDED = ("FINISHED", "FAILED", "KILLED")


def stop(home: StateDirectory, steps: Steps) -> None:
    """Stops everything that runs in a state directory, if anything does."""
    supervisor = Supervisor(home)

    def services(*names: str, limit_s: float = 45.0) -> Callable[[], str]:
        def act() -> str:
            left = supervisor.stop_services(list(names), limit_s)
            return f"{', '.join(left)} will be killed" if left else ""

        return act

    # Airflow first: it would restart what is stopped after it.
    _step(steps, "Airflow", services(*_AIRFLOW[:3]))
    _step(steps, "Airflow API server", services(*_AIRFLOW[3:]))
    _step(steps, "Collector", lambda: stop_collector(home))
    _step(steps, "Streaming job", lambda: stop_stream(home))
    _step(steps, "YARN containers", lambda: stop_containers(home))
    _step(steps, "YARN", services("nodemanager", "resourcemanager"))
    _step(steps, "HDFS", services("datanode", "namenode"))
    _step(steps, "Kafka", services("kafka"))
    _step(steps, "Postgres", services("postgres", limit_s=60))
    _step(steps, "Supervisor", lambda: _shut_down(supervisor))


def _step(steps: Steps, title: str, act: Callable[[], str]) -> None:
    steps.started(title)
    steps.done(title, act())


def _shut_down(supervisor: Supervisor) -> str:
    supervisor.shut_down()
    return ""


def stop_collector(home: StateDirectory) -> str:
    """Stops the collector and waits while it sends what it has read. Returns a short status for the progress line."""
    process = collector_process(home)
    if process is None:
        return "not running"
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(COLLECTOR_LIMIT_S)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(COLLECTOR_LIMIT_S)
        return f"killed after {COLLECTOR_LIMIT_S:.0f} s; what it had read is in the spool"
    return "stopped"


def stop_stream(home: StateDirectory) -> str:
    """Lets the streaming job end after the current batch, or kills it. Returns a short status for the progress line."""
    ports = recall(home)
    if not ports:
        return "not running"
    cluster = f"http://{HOST}:{ports['resourcemanager_http']}/ws/v1/cluster"
    namenode = f"http://{HOST}:{ports['namenode_http']}/webhdfs/v1{ROOT}/{STOP_MARKERS}"
    try:
        running = _running(cluster)
    except requests.RequestException:
        return "YARN does not answer"
    if not running:
        return "not running"
    marked = _put_markers(namenode, running)
    deadline = time.monotonic() + (STREAM_LIMIT_S if marked else 0)
    while (running := _still(cluster, running)) and time.monotonic() < deadline:
        time.sleep(0.5)
    for application in running:
        _kill(cluster, application)
    _remove_markers(namenode)
    return (
        f"killed after {STREAM_LIMIT_S:.0f} s; it resumes from its checkpoint" if running else "ended after its batch"
    )


def _running(cluster: str) -> dict[str, int]:
    """The running streaming jobs: application id → generation."""
    answer = requests.get(f"{cluster}/apps", timeout=_REQUEST_LIMIT_S)
    answer.raise_for_status()
    running = {}
    for app in (answer.json().get("apps") or {}).get("app") or []:
        generations = [generation_of_tag(tag) for tag in app.get("applicationTags", "").split(",")]
        ours = [generation for generation in generations if generation is not None]
        if ours and app["state"] not in _ENDED:
            running[app["id"]] = ours[0]
    return running


def _still(cluster: str, before: dict[str, int]) -> dict[str, int]:
    try:
        return _running(cluster)
    except requests.RequestException:
        return before


def _put_markers(namenode: str, running: dict[str, int]) -> bool:
    """Writes a stop marker for each generation; returns whether that succeeded."""
    for generation in set(running.values()):
        query: dict[str, str] = {"op": "CREATE", "overwrite": "true", "user.name": getpass.getuser()}
        try:
            url = f"{namenode}/{generation_folder(generation)}"
            requests.put(url, params=query, timeout=_REQUEST_LIMIT_S).raise_for_status()
        except requests.RequestException:
            return False
    return True


def _remove_markers(namenode: str) -> None:
    query: dict[str, str] = {"op": "DELETE", "recursive": "true", "user.name": getpass.getuser()}
    try:
        requests.delete(namenode, params=query, timeout=_REQUEST_LIMIT_S)
    except requests.RequestException:
        return  # `up` removes them too


def _kill(cluster: str, application: str) -> None:
    url = f"{cluster}/apps/{application}/state"
    try:
        requests.put(url, json={"state": "KILLED"}, params={"user.name": getpass.getuser()}, timeout=_REQUEST_LIMIT_S)
    except requests.RequestException:
        return  # its containers are ended next, by their processes
    deadline = time.monotonic() + 10
    while application in _still(cluster, {application: 0}) and time.monotonic() < deadline:
        time.sleep(0.3)


def stop_containers(home: StateDirectory) -> str:
    """Kills the processes that work in the NodeManager's folder: containers that YARN can no longer stop."""

    def find() -> list[int]:
        return [pid for pid in working_in(home.nodemanager_local, below=True) if pid != os.getpid()]

    return "ended" if end_all(find, grace_s=5.0) else "none left"
