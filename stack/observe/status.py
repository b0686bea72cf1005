"""`status`: the services and stages of one stack, as a table or as JSON; each backend fills it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from stack.observe.lags import Lags, age

RECORDS, BATCHES = ("record", "records"), ("batch", "batches")


@dataclass(frozen=True)
class ServiceStatus:
    """One process of the stack. None means unknown, or not visible from here.

    Attributes:
        name: as `logs` takes it.
        title: what people read.
        state: supervisord's state in lower case: running, starting, backoff, stopped, fatal …; else `down`.
        pid: None where it does not run.
        up_s: seconds since it was started.
        memory_mb: proportional set size of the process and its children, 10^6 bytes.
        restarts: how often it was restarted after it ended, over the state directory's life.
        containers: YARN containers that it runs.
        health: `healthy`, else why not, in a few words.
    """

    name: str
    title: str
    state: str
    pid: int | None = None
    up_s: float | None = None
    memory_mb: float | None = None
    restarts: int | None = None
    containers: int | None = None
    health: str = "down"

    @property
    def is_healthy(self) -> bool:
        """Whether it works."""
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
        """Sum over all services."""
        return sum(service.memory_mb or 0 for service in self.services)


def _has_failed(state: str) -> bool:
    return state.upper() in ("FAILED", "KILLED")


def as_json(status: Status) -> str:
    """Returns the status for programs."""

    def plain(value: object) -> str:
        return value.isoformat() if isinstance(value, date | datetime) else str(value)

    whole = {**asdict(status), "healthy": status.is_healthy, "memory_mb": round(status.memory_mb, 1)}
    return json.dumps(whole, default=plain, indent=1)


def as_table(status: Status, now: datetime | None = None) -> RenderableType:
    """Returns the status for people."""
    errors = (("collect", status.lags.collect_error), ("count", status.lags.count_error))
    said = [Text(f"{stage}: {error}", style="red") for stage, error in errors if error]
    stages = _stages_table(status.lags, now or datetime.now(UTC))
    return Group(_services_table(status), Text(), stages, *([Text(), *said] if said else []))


def _services_table(status: Status) -> Table:
    """One row per service, without empty columns."""
    has_sums = any(each.memory_mb is not None for each in status.services)
    table = Table(box=None, pad_edge=False, show_footer=has_sums)
    table.add_column("process", footer="all")
    table.add_column("state")
    shown = [column for column in _COLUMNS if any(column.value(each) is not None for each in status.services)]
    for column in shown:
        table.add_column(column.name, justify="right", footer=column.footer(status))
    table.add_column("health", overflow="fold")
    for each in status.services:
        health = Text("healthy", style="green") if each.is_healthy else Text(each.health, style="red")
        table.add_row(each.title, each.state, *(column.value(each) or "–" for column in shown), health)
    return table


def _span(seconds: float) -> str:
    minutes, hours = int(seconds // 60), int(seconds // 3600)
    return f"{seconds:.0f} s" if minutes < 2 else f"{minutes} min" if hours < 2 else f"{hours} h"


@dataclass(frozen=True)
class _Column:
    """A figure of a service that only some backends know, else None."""

    name: str
    value: Callable[[ServiceStatus], str | None]
    footer: Callable[[Status], str] = lambda _: ""


_COLUMNS = (
    _Column("pid", lambda each: None if each.pid is None else str(each.pid)),
    _Column("up", lambda each: None if each.up_s is None else _span(each.up_s)),
    _Column(
        "memory",
        lambda each: None if each.memory_mb is None else f"{each.memory_mb:,.0f} MB",
        lambda status: f"{status.memory_mb:,.0f} MB",
    ),
    _Column("restarts", lambda each: None if each.restarts is None else str(each.restarts)),
    _Column("containers", lambda each: None if each.containers is None else str(each.containers)),
)


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
