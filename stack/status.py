"""`status`: the processes and the stages of one stack, as a table or as JSON."""

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime

import psutil
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from stack import restarts
from stack.health import NotHealthyError, check
from stack.home import Home
from stack.lags import Lags, age, look
from stack.launch import working_in
from stack.services import Service, services_of
from stack.site import Site
from stack.stopping import collector_process
from stack.supervision import Process, Supervisor

RECORDS, BATCHES = ("record", "records"), ("batch", "batches")


@dataclass(frozen=True)
class ServiceStatus:
    """One process that the stack is made of.

    Attributes:
        name: as `logs` takes it.
        title: what people read.
        state: supervisord's word in lower case: running, starting, backoff, stopped, fatal …; `down` without one.
        pid: None where it does not run.
        up_s: seconds since it was started, None where it does not run.
        memory_mb: proportional set size of it and its children, 10^6 bytes; None where it does not run.
        restarts: how often it died and was started again, over the home's life.
        health: `healthy`, else why not, in a few words.
    """

    name: str
    title: str
    state: str
    pid: int | None = None
    up_s: float | None = None
    memory_mb: float | None = None
    restarts: int = 0
    health: str = "down"

    @property
    def is_healthy(self) -> bool:
        """Whether it does its work."""
        return self.health == "healthy"


@dataclass(frozen=True)
class Status:
    """One stack at about one moment.

    Attributes:
        home: its state directory.
        airflow_url: where people look.
        services: one a process; the collector and YARN's containers at the end.
        lags: how far each stage is.
    """

    home: str
    airflow_url: str
    services: Sequence[ServiceStatus]
    lags: Lags

    @property
    def is_healthy(self) -> bool:
        """Whether every service is, and no stage has failed."""
        stages = (self.lags.collector or "", self.lags.stream or "")
        return all(service.is_healthy for service in self.services) and not any(map(_has_failed, stages))

    @property
    def memory_mb(self) -> float:
        """All of it."""
        return sum(service.memory_mb or 0 for service in self.services)


def _has_failed(state: str) -> bool:
    return state.upper() in ("FAILED", "KILLED")


def gather(site: Site, generation: int) -> Status:
    """Looks at everything at once; takes some seconds at most, however much is down."""
    supervisor = Supervisor(site.home)
    processes = supervisor.processes()
    tally = restarts.read(site.home.run / "restarts.json")
    with ThreadPoolExecutor(max_workers=16) as pool:
        lags = pool.submit(look, site.endpoints, generation)
        services = [pool.submit(_service, site, each, processes, tally) for each in services_of(site)]
        others = pool.submit(_unsupervised, site.home)
        found = [each.result() for each in services] + others.result()
        return Status(str(site.home.root), site.endpoints.airflow_url, found, lags.result())


def _service(
    site: Site, service: Service, processes: dict[str, Process], tally: dict[str, restarts.Restarts]
) -> ServiceStatus:
    process = processes.get(service.name)
    count = tally.get(service.name, restarts.Restarts()).count
    status = ServiceStatus(service.name, service.title, process.state.lower() if process else "down", restarts=count)
    if process is None or not process.pid:
        return status
    try:
        check(site, service.name, process)
        health = "healthy"
    except NotHealthyError as error:
        health = str(error)
    containers = frozenset(working_in(site.home.nodemanager_local, below=True))
    memory_mb, up_s = memory_of(process.pid, containers), time.time() - process.started_at
    return replace(status, pid=process.pid, up_s=round(up_s, 1), memory_mb=memory_mb, health=health)


def _unsupervised(home: Home) -> list[ServiceStatus]:
    """The collector and the streaming job's containers: Airflow and YARN look after them."""
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


def _running(name: str, title: str, pid: int, up_s: float | None, memory_mb: float) -> ServiceStatus:
    return ServiceStatus(name, title, "running", pid, up_s and round(up_s, 1), memory_mb, health="healthy")


def memory_of(pid: int, without: frozenset[int]) -> float:
    """Returns the memory of a process and its children in MB (10^6 bytes), some pids left out.

    It is the proportional set size: pages that several processes share count once.
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


def as_json(status: Status) -> str:
    """Returns the status for programs."""

    def plain(value: object) -> str:
        return value.isoformat() if isinstance(value, date | datetime) else str(value)

    whole = {**asdict(status), "healthy": status.is_healthy, "memory_mb": round(status.memory_mb, 1)}
    return json.dumps(whole, default=plain, indent=1)


def as_table(status: Status, now: datetime | None = None) -> RenderableType:
    """Returns the status for people."""
    return Group(_services_table(status), Text(), _stages_table(status.lags, now or datetime.now(UTC)))


def _services_table(status: Status) -> Table:
    table = Table(box=None, pad_edge=False, show_footer=True)
    table.add_column("process", footer="all")
    table.add_column("state")
    table.add_column("pid", justify="right")
    table.add_column("up", justify="right")
    table.add_column("memory", justify="right", footer=f"{status.memory_mb:,.0f} MB")
    table.add_column("restarts", justify="right")
    table.add_column("health")
    for each in status.services:
        health = Text("healthy", style="green") if each.is_healthy else Text(each.health, style="red")
        memory = "–" if each.memory_mb is None else f"{each.memory_mb:,.0f} MB"
        table.add_row(
            each.title, each.state, str(each.pid or "–"), _span(each.up_s), memory, str(each.restarts), health
        )
    return table


def _span(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    minutes, hours = int(seconds // 60), int(seconds // 3600)
    return f"{seconds:.0f} s" if minutes < 2 else f"{minutes} min" if hours < 2 else f"{hours} h"


def _stages_table(lags: Lags, now: datetime) -> Table:
    def lag(number: int | None, what: tuple[str, str]) -> str:
        return "unknown" if number is None else f"{number:,} {what[number != 1]}"

    def state(word: str | None) -> Text:
        return Text((word or "unknown").lower(), style="red" if _has_failed(word or "") else "")

    table = Table(box=None, pad_edge=False)
    for column in ("stage", "state", "lag", "last"):
        table.add_column(column, overflow="fold")
    batch = "–" if lags.last_batch_at is None else f"batch {lags.last_batch_id}, {age(lags.last_batch_at, now)}"
    report = (
        "–"
        if lags.report_day is None
        else f"{lags.report_day}, revision {lags.report_revision}, {age(lags.report_made_at, now)}"
    )
    collect_lag, count_lag = lag(lags.collect_lag_records, RECORDS), lag(lags.count_lag_records, RECORDS)
    table.add_row("collect", state(lags.collector), collect_lag, lags.source or "–")
    table.add_row("count", state(lags.stream), count_lag, batch)
    table.add_row("compact", "", lag(lags.compact_lag_batches, BATCHES), age(lags.last_compaction_at, now))
    table.add_row("report", "", "", report)
    return table
