"""The running processes of the stack on one machine: those of supervisord, Airflow and YARN."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psutil

from contract.spool.lock import holder_pid
from stack.config.deployment import Deployment
from stack.config.state_directory import StateDirectory
from stack.daemons import restarts
from stack.daemons.health import health
from stack.daemons.launch import working_in
from stack.daemons.services import Service, services_of
from stack.daemons.supervision import Process, Supervisor
from stack.observe.lags import measure_lags
from stack.observe.status import ServiceStatus, Status

DRIVER_SETTLES_S = 60.0  # by then it counts, or has said why it does not
_DRIVER_ERROR = re.compile(r" ERROR count: (.+)")


def gather(deployment: Deployment, generation: int) -> Status:
    """Probes everything in parallel; takes a few seconds at most, however much is down."""
    supervisor = Supervisor(deployment.home)
    processes = supervisor.processes()
    tally = restarts.read(deployment.home.run / "restarts.json")
    with ThreadPoolExecutor(max_workers=16) as pool:
        lags = pool.submit(measure_lags, deployment.endpoints, generation)
        services = [pool.submit(_service, deployment, each, processes, tally) for each in services_of(deployment)]
        others = pool.submit(_unsupervised, deployment.home)
        found = [each.result() for each in services] + others.result()
        measured = replace(lags.result(), count_error=driver_error(deployment.home, time.time()))
        return Status(str(deployment.home.root), deployment.endpoints.airflow_url, found, measured)


def driver_error(home: StateDirectory, now_s: float) -> str | None:
    """Why the streaming job's driver ended, one line; None if the newest one works, or ended well.

    YARN starts a driver that failed again at once: while the new one says nothing yet, the one before is asked.
    """
    drivers = sorted(home.data.glob("nm-logs/application_*/container_*_000001/stdout"))
    for log in reversed(drivers[-2:]):
        lines = log.read_text(errors="replace").splitlines()
        if lines and (said := _DRIVER_ERROR.search(lines[-1])):
            return said[1]
        if now_s - log.parent.stat().st_mtime > DRIVER_SETTLES_S:
            return None
    return None


def _service(
    deployment: Deployment, service: Service, processes: dict[str, Process], tally: dict[str, restarts.Restarts]
) -> ServiceStatus:
    process = processes.get(service.name)
    count = tally.get(service.name, restarts.Restarts()).count
    status = ServiceStatus(service.name, service.title, process.state.lower() if process else "down", restarts=count)
    if process is None or not process.pid:
        return status
    containers = frozenset(working_in(deployment.home.nodemanager_local, below=True))
    memory_mb, up_s = memory_of(process.pid, containers), time.time() - process.started_at
    return replace(
        status,
        pid=process.pid,
        up_s=round(up_s, 1),
        memory_mb=memory_mb,
        health=health(deployment, service.name, process),
    )


def _unsupervised(home: StateDirectory) -> list[ServiceStatus]:
    """The collector and the streaming job's containers, which Airflow and YARN supervise."""
    found = []
    if collector := collector_process(home):
        up_s = time.time() - collector.create_time()
        found.append(_running("collector", "Collector", collector.pid, up_s, memory_of(collector.pid, frozenset())))
    containers = working_in(home.nodemanager_local, below=True)
    if containers:
        memory_mb = round(sum(_pss_mb(pid) for pid in containers), 1)
        title = f"YARN containers ({len(containers)} processes)"
        found.append(_running("containers", title, containers[0], None, memory_mb))
    return found


def collector_process(home: StateDirectory) -> psutil.Process | None:
    """The process that holds the spool's lock (SPOOL/lock, docs/contracts.md); None if nobody does."""
    pid = holder_pid(home.spool)
    try:
        return psutil.Process(pid) if pid else None
    except psutil.NoSuchProcess:
        return None


def _running(name: str, title: str, pid: int, up_s: float | None, memory_mb: float) -> ServiceStatus:
    return ServiceStatus(name, title, "running", pid, up_s and round(up_s, 1), memory_mb, restarts=0, health="healthy")


def memory_of(pid: int, without: frozenset[int]) -> float:
    """Memory of a process and its children in MB (10^6 bytes), except the pids in `without`.

    The proportional set size: pages that several processes share count once.
    """
    try:
        process = psutil.Process(pid)
        pids = {pid, *(child.pid for child in process.children(recursive=True))}
    except psutil.Error:
        return 0.0
    return round(sum(map(_pss_mb, pids - without)), 1)


def _pss_mb(pid: int) -> float:
    try:
        return float(psutil.Process(pid).memory_full_info().pss) / 1e6
    except psutil.AccessDenied:
        return float(psutil.Process(pid).memory_info().rss) / 1e6
    except psutil.Error:
        return 0.0
