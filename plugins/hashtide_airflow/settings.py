"""Where the services are and what was chosen: Airflow's connections and variables, read at run time and validated once.

The names are the contract's (docs/contracts.md, "Airflow"). Nothing here may be called while a DAG file is parsed.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit

from airflow.sdk import BaseHook, Variable
from airflow.sdk.exceptions import AirflowNotFoundException
from psycopg2.extensions import make_dsn
from pydantic import BaseModel, ConfigDict, Field

from hashtide_airflow.services import Access, HdfsExtra, Service, service_of

JOBS = Path(__file__).resolve().parents[2] / "jobs"
STREAMING_PACKAGES = ("counting", "formats", "contract")
"""What the streaming job imports of ours, below JOBS."""

KAFKA, KAFKA_WRITER, YARN, HDFS, COMPACTOR, REPORTER = (
    "hashtide_kafka",
    "hashtide_kafka_writer",
    "hashtide_yarn",
    "hashtide_hdfs",
    "hashtide_compactor",
    "hashtide_reporter",
)


COLLECT, COUNT = "collect_posts", "count_posts"
SUPERVISED = (COLLECT, COUNT)
"""The DAGs whose runs are leases on something that outlives them."""


class Frozen(BaseModel):
    """A validated value that does not change."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Collecting(Frozen):
    """What to collect, and where to put it.

    Attributes:
        source: the source's address, as typed (docs/contracts.md, "Source addresses").
        spool: the collector's directory.
        bootstrap_servers: Kafka, `host:port`.
        topic: the topic that holds the posts.
        kafka_config: the file that says who the collector is to Kafka; none: nobody.
    """

    source: str = Field(min_length=1)
    spool: Path
    bootstrap_servers: str = Field(min_length=3)
    topic: str = Field(pattern=r"^[a-zA-Z0-9._-]+$")
    kafka_config: Path | None = None


class Counting(Frozen):
    """What the streaming job is started with.

    Attributes:
        root: the count log's root as Spark knows it, `hdfs://host:port/path`.
        generation: one checkpoint's life.
        trigger_interval_s: a batch at most this often.
        retweets: whether a repost counts what it repeats (`full`), or its own words only (`own`).
        words: how a text becomes words, `plain` or `clean`.
        kafka_config: the file that says who the job is to Kafka; none: nobody.
        executors: how many; the stream's state goes with any number.
        access: how YARN lets us in; a keytab in it goes with the job, which renews its tickets for as long as it runs.
    """

    root: str = Field(pattern=r"^[a-z]+://")
    generation: int = Field(ge=1)
    bootstrap_servers: str = Field(min_length=3)
    topic: str = Field(pattern=r"^[a-zA-Z0-9._-]+$")
    trigger_interval_s: int = Field(ge=1, le=3600)
    retweets: Literal["full", "own"] = "full"
    words: Literal["plain", "clean"] = "plain"
    kafka_config: Path | None = None
    executors: int = Field(default=1, ge=1)
    access: Access = Access()


class CountLog(Frozen):
    """The count log as `compact.py` is told of it.

    Attributes:
        url: `webhdfs://` or (TLS) `swebhdfs://`, the NameNodes with commas, the folder.
        access: how it trusts, and who it is.
    """

    url: str
    access: Access


def variable(name: str, default: str | None = None) -> str:
    """One Airflow variable, trimmed.

    Raises:
        ValueError: neither set nor defaulted.
    """
    value = Variable.get(name, default=default)
    if value is None or not str(value).strip():
        raise ValueError(f"the Airflow variable {name} is not set")
    return str(value).strip()


def optional_variable(name: str) -> str:
    """One Airflow variable, trimmed; empty where it is not set."""
    return str(Variable.get(name, default="") or "").strip()


def source() -> str:
    """The address of the source that is wanted now."""
    return variable("hashtide_source")


def generation() -> int:
    """The generation that counts now."""
    return int(variable("hashtide_generation", "1"))


def supervision_s() -> float:
    """How long one run of `collect_posts` or `count_posts` watches before it hands over, seconds."""
    return float(variable("hashtide_lease_min", "30")) * 60


def spool_dir() -> Path:
    """The collector's directory."""
    return Path(variable("hashtide_spool_dir"))


def reports_dir() -> Path:
    """Where reports are written."""
    return Path(variable("hashtide_reports_dir"))


def kafka(connection_id: str = KAFKA) -> tuple[str, str]:
    """Kafka's brokers, `host:port[,host:port]`, and the topic of the posts.

    Raises:
        ValueError: the connection names no host, or one without a port.
    """
    connection = BaseHook.get_connection(connection_id)
    servers = [_with_port(host.strip(), connection.port) for host in (connection.host or "").split(",")]
    if not all(servers):
        raise ValueError(f"the Airflow connection {connection_id}: every host needs a port, h:9092,h:9092")
    return ",".join(servers), connection.extra_dejson.get("topic", "posts")


def kafka_writer() -> str:
    """The connection that the collector uses: the one that may write, where there is one."""
    try:
        BaseHook.get_connection(KAFKA_WRITER)
    except AirflowNotFoundException:
        return KAFKA
    return KAFKA_WRITER


def _with_port(host: str, port: int | None) -> str:
    """`host:port`, an IPv6 address in brackets; empty where either is missing."""
    if host.count(":") > 1 and not host.startswith("["):
        host = f"[{host}]"
    if re.fullmatch(r"(\[[^]]+\]|[^:]+):\d+", host):
        return host
    return f"{host}:{port}" if host and port and not host.endswith(":") else ""


def hdfs() -> Service[HdfsExtra]:
    """The NameNodes' WebHDFS (or an HttpFS)."""
    return service_of(BaseHook.get_connection(HDFS), HdfsExtra)


def hdfs_root() -> str:
    """The path in HDFS below which everything of ours is, `/hashtide`."""
    return "/" + hdfs().extra.root.strip("/")


def file_system() -> str:
    """HDFS as Spark knows it, `hdfs://nameservice` or `hdfs://host:port`.

    Raises:
        ValueError: the connection says neither.
    """
    service = hdfs()
    if service.extra.fs:
        return service.extra.fs.rstrip("/")
    if not service.extra.rpc_port:
        raise ValueError(f"connection {HDFS}: its extra needs fs (hdfs://nameservice) or rpc_port")
    return f"hdfs://{urlsplit(service.urls[0]).hostname}:{service.extra.rpc_port}"


def count_log() -> CountLog:
    """Where the compaction finds the count log, and how it is let in."""
    service = hdfs()
    scheme = "swebhdfs" if service.urls[0].startswith("https:") else "webhdfs"
    hosts = ",".join(url.partition("://")[2] for url in service.urls)
    user = f"{quote(service.user, safe='')}@" if service.user and service.extra.auth == "simple" else ""
    return CountLog(url=f"{scheme}://{user}{hosts}{hdfs_root()}/counts", access=service.extra)


def collecting(asked_for: str | None = None) -> Collecting:
    """Everything that the collector is started with.

    Args:
        asked_for: a run's own source; None is the variable's.
    """
    servers, topic = kafka(kafka_writer())
    return Collecting(source=asked_for or source(), spool=spool_dir(), bootstrap_servers=servers, topic=topic)


def counting() -> Counting:
    """Everything that the streaming job is started with."""
    servers, topic = kafka()
    return Counting.model_validate(
        {
            "root": file_system() + hdfs_root(),
            "generation": generation(),
            "bootstrap_servers": servers,
            "topic": topic,
            "trigger_interval_s": int(variable("hashtide_trigger_interval_s", "10")),
            "retweets": variable("hashtide_retweets", "full"),
            "words": variable("hashtide_words", "plain"),
            "access": service_of(BaseHook.get_connection(YARN), Access).extra,
            "executors": int(variable("hashtide_executors", "1")),
        }
    )


def dsn(connection_id: str) -> str:
    """A Postgres connection as libpq's connection string. It holds the password: for a child's environment only."""
    connection = BaseHook.get_connection(connection_id)
    options = {str(key): str(value) for key, value in connection.extra_dejson.items()}
    return str(
        make_dsn(
            host=connection.host,
            port=str(connection.port or 5432),
            user=connection.login,
            password=connection.password,
            dbname=connection.schema,
            **options,
        )
    )
