"""Where the services are and what was chosen: Airflow's connections and variables, read at run time and validated once.

The names are the contract's (docs/contracts.md, "Airflow"). Nothing here may be called while a DAG file is parsed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from airflow.sdk import BaseHook, Variable
from psycopg2.extensions import make_dsn
from pydantic import BaseModel, ConfigDict, Field

JOBS = Path(__file__).resolve().parents[2] / "jobs"
KAFKA, YARN, HDFS, COMPACTOR, REPORTER = (
    "hashtide_kafka",
    "hashtide_yarn",
    "hashtide_hdfs",
    "hashtide_compactor",
    "hashtide_reporter",
)


COLLECT, COUNT = "collect_posts", "count_posts"
LEASES = (COLLECT, COUNT)
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
    """

    source: str = Field(min_length=1)
    spool: Path
    bootstrap_servers: str = Field(min_length=3)
    topic: str = Field(pattern=r"^[a-zA-Z0-9._-]+$")


class Counting(Frozen):
    """What the streaming job is started with.

    Attributes:
        root: the count log's root as Spark knows it, `hdfs://host:port/path`.
        generation: one checkpoint's life.
        trigger_interval_s: a batch at most this often.
        retweets: whether a repost counts what it repeats (`full`), or its own words only (`own`).
        words: how a text becomes words, `plain` or `clean`.
    """

    root: str = Field(pattern=r"^[a-z]+://")
    generation: int = Field(ge=1)
    bootstrap_servers: str = Field(min_length=3)
    topic: str = Field(pattern=r"^[a-zA-Z0-9._-]+$")
    trigger_interval_s: int = Field(ge=1, le=3600)
    retweets: Literal["full", "own"] = "full"
    words: Literal["plain", "clean"] = "plain"


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


def lease_s() -> float:
    """How long one run of `collect_posts` or `count_posts` watches before it hands over, seconds."""
    return float(variable("hashtide_lease_min", "30")) * 60


def spool_dir() -> Path:
    """The collector's directory."""
    return Path(variable("hashtide_spool_dir"))


def reports_dir() -> Path:
    """Where reports are written."""
    return Path(variable("hashtide_reports_dir"))


def kafka() -> tuple[str, str]:
    """Kafka's `host:port` and the topic of the posts."""
    connection = BaseHook.get_connection(KAFKA)
    return f"{connection.host}:{connection.port}", connection.extra_dejson.get("topic", "posts")


def hdfs_root() -> str:
    """The path in HDFS below which everything of ours is, `/hashtide`."""
    root = str(BaseHook.get_connection(HDFS).extra_dejson.get("root", "/hashtide"))
    return "/" + root.strip("/")


def count_log_url() -> str:
    """The count log over WebHDFS, as fsspec knows it."""
    connection = BaseHook.get_connection(HDFS)
    return f"webhdfs://{_bare(connection.host)}:{connection.port}{hdfs_root()}/counts"


def collecting(asked_for: str | None = None) -> Collecting:
    """Everything that the collector is started with.

    Args:
        asked_for: a run's own source; None is the variable's.
    """
    servers, topic = kafka()
    return Collecting(source=asked_for or source(), spool=spool_dir(), bootstrap_servers=servers, topic=topic)


def counting() -> Counting:
    """Everything that the streaming job is started with."""
    servers, topic = kafka()
    connection = BaseHook.get_connection(HDFS)
    return Counting.model_validate(
        {
            "root": f"hdfs://{_bare(connection.host)}:{connection.extra_dejson['rpc_port']}{hdfs_root()}",
            "generation": generation(),
            "bootstrap_servers": servers,
            "topic": topic,
            "trigger_interval_s": int(variable("hashtide_trigger_interval_s", "10")),
            "retweets": variable("hashtide_retweets", "full"),
            "words": variable("hashtide_words", "plain"),
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


def http_url(connection_id: str) -> str:
    """A service's base URL, no slash at its end."""
    return base_url(BaseHook.get_connection(connection_id))


def base_url(connection: object) -> str:
    """The base URL that a connection names: its scheme (http if it names none), host and port."""
    host = str(getattr(connection, "host", None) or "")
    port = getattr(connection, "port", None)
    if not host:
        raise ValueError(f"connection {getattr(connection, 'conn_id', '?')}: no host")
    scheme = host.split("://")[0] if "://" in host else str(getattr(connection, "schema", None) or "http")
    return f"{scheme}://{_bare(host)}" + (f":{port}" if port else "")


def _bare(host: str | None) -> str:
    """The host without a scheme and a slash, as Airflow's http connections may carry them."""
    return (host or "").split("://")[-1].rstrip("/")
