"""The current position of each stage of a running stack. None means unknown, not absent."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

import psycopg2
from kafka.errors import KafkaError

from contract.hadoop_access import ANONYMOUS
from contract.hadoop_rest import HadoopError, HadoopRest
from contract.names import application_tag, batch_of_folder, generation_folder
from contract.source_address import shown
from contract.sources import AUTO, JETSTREAM, SIMULATOR
from contract.spool.state import CollectorState, read_state
from stack.config.endpoints import Endpoints
from stack.observe import topic_recount
from stack.observe.kafka_client import open_consumer
from stack.observe.ledger import Ledger, read_ledger

REQUEST_TIMEOUT_S = (5.0, 15.0)
NOT_FOUND = 404
T = TypeVar("T")


@dataclass(frozen=True)
class Application:
    """One submit of the streaming job, as YARN reports it."""

    application_id: str
    state: str
    final_status: str
    started_at_s: float
    diagnostics: str

    @property
    def failed(self) -> bool:
        """True if YARN reports FAILED or KILLED."""
        return self.final_status in ("FAILED", "KILLED")


@dataclass(frozen=True)
class Snapshot:
    """All stages at about one moment; None is unknown.

    Attributes:
        collector: None also before the collector's first start.
        applications: newest first.
        newest_batch: newest batch committed to the count log, -1 before the first.
        ledger: what is compacted.
    """

    collector: CollectorState | None
    applications: tuple[Application, ...] | None
    newest_batch: int | None
    ledger: Ledger | None

    def progress(self) -> tuple[object, ...]:
        """A value that changes when any stage makes progress; a heartbeat is not progress."""
        collector = self.collector
        return (
            collector and (collector.sources, collector.status, collector.lines_read, collector.records_acked),
            self.applications and tuple((each.application_id, each.state) for each in self.applications),
            self.newest_batch,
            self.ledger and self.ledger.last_batch,
        )


class Stages:
    """Reads the stages of one stack and generation."""

    def __init__(self, endpoints: Endpoints, generation: int) -> None:
        self._endpoints = endpoints
        self.generation = generation
        self._yarn = local_rest(endpoints.resourcemanager_url)
        self._hdfs = local_rest(endpoints.namenode_url)

    def snapshot(self) -> Snapshot:
        """All stages now."""
        return Snapshot(self.collector(), self.applications(), self.newest_batch(), self.ledger())

    def collector(self) -> CollectorState | None:
        """What the collector last wrote."""
        try:
            return read_state(self._endpoints.spool_dir)
        except (OSError, ValueError):
            return None

    def applications(self) -> tuple[Application, ...] | None:
        """Every submit of the streaming job that YARN remembers, newest first."""
        query = {"applicationTags": application_tag(self.generation)}
        try:
            answer = self._yarn.ask("GET", "/ws/v1/cluster/apps", query)
        except HadoopError:
            return None
        apps = (answer.json().get("apps") or {}).get("app") or []
        found = (
            Application(
                each["id"],
                each["state"],
                each["finalStatus"],
                each["startedTime"] / 1000,
                each.get("diagnostics") or "",
            )
            for each in apps
        )
        return tuple(sorted(found, key=lambda each: each.started_at_s, reverse=True))

    def newest_batch(self) -> int | None:
        """The newest batch in the count log; -1 if it is empty, None if HDFS does not answer."""
        path = f"{urlsplit(self._endpoints.count_log_url).path}/{generation_folder(self.generation)}"
        try:
            answer = self._hdfs.ask("GET", f"/webhdfs/v1{path}", {"op": "LISTSTATUS"}, accept=(NOT_FOUND,))
        except HadoopError:
            return None
        if answer.status_code == NOT_FOUND:
            return -1
        names = (each["pathSuffix"] for each in answer.json()["FileStatuses"]["FileStatus"])
        batches = (batch_of_folder(name) for name in names)
        return max((batch_id for batch_id in batches if batch_id is not None), default=-1)

    def ledger(self) -> Ledger | None:
        """What Postgres holds."""
        return _unless_away(
            lambda: read_ledger(self._endpoints.reader_dsn_file, self.generation, self._endpoints.topic)
        )

    def end_offsets(self) -> dict[int, int] | None:
        """The end offset of each partition of the topic."""
        at = self._endpoints

        def ask() -> dict[int, int]:
            with open_consumer(at.bootstrap_servers, at.kafka_config) as consumer:
                return topic_recount.end_offsets(consumer, at.topic)

        return _unless_away(ask)

    def file(self, path: str) -> bytes | None:
        """A file's bytes, by its path in HDFS; None if HDFS does not answer or has no such file."""
        try:
            return self._hdfs.ask("GET", f"/webhdfs/v1{path}", {"op": "OPEN"}).content
        except HadoopError:
            return None


def local_rest(url: str) -> HadoopRest:
    """A client for a service of this stack, which no proxy of the environment stands before."""
    rest = HadoopRest((url,), ANONYMOUS, timeout_s=REQUEST_TIMEOUT_S)
    rest.trust_env = False
    return rest


def shown_source(collector: CollectorState) -> str:
    """The sources for a person, with what `auto` stands for."""
    found = _auto_is(collector)
    return shown(collector.sources) + (f" ({found})" if found else "")


def kinds_of(collector: CollectorState) -> set[str]:
    """The kinds of the sources, `auto` replaced by what it stands for once that is decided."""
    kinds, found = {each.kind for each in collector.sources}, _auto_is(collector)
    return kinds - {AUTO} | {found} if found else kinds


def _auto_is(collector: CollectorState) -> str:
    found = [word for word in collector.collects.split("-") if word in (JETSTREAM, SIMULATOR)]
    return found[0] if found and AUTO in {each.kind for each in collector.sources} else ""


def _unless_away(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except (psycopg2.OperationalError, KafkaError, topic_recount.TopicError, OSError):
        return None
