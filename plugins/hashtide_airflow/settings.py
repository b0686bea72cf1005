"""Where the services are and what was chosen: Airflow's connections and variables, read at run time and validated once.

Their names and defaults are in `contract.names`. Nothing here may be called while a DAG file is parsed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg2
from airflow.configuration import conf
from airflow.sdk import BaseHook
from airflow.sdk import Variable as AirflowVariable
from airflow.sdk.exceptions import AirflowNotFoundException
from psycopg2.extensions import make_dsn
from pydantic import BaseModel, ConfigDict, Field

from contract import generations, names
from contract.files import write_atomically
from contract.hadoop_access import ANONYMOUS, Access
from contract.names import HDFS, KAFKA, KAFKA_WRITER, RETWEETS, WORDS, YARN, Retweets, Variable, Words
from contract.source_address import SourceAddress, read_stored
from hashtide_airflow.services import HdfsExtra, Service, service_of

JOBS = Path(__file__).resolve().parents[2] / "jobs"
STREAMING_PACKAGES = ("counting", "formats", "contract")
"""What the streaming job imports of ours, below JOBS."""

SUPERVISED = (names.COLLECT_DAG, names.COUNT_DAG)
"""The DAGs whose runs supervise a process that outlives them."""


class Frozen(BaseModel):
    """A validated value that does not change."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Collecting(Frozen):
    """What to collect, and where to put it.

    Attributes:
        sources: what is collected, together (docs/contracts.md, "Source addresses").
        spool: the collector's directory.
        bootstrap_servers: Kafka, `host:port`.
        topic: the topic that holds the posts.
        kafka_config: Kafka client configuration with credentials; None: a plain connection.
    """

    sources: tuple[SourceAddress, ...] = Field(min_length=1)
    spool: Path
    bootstrap_servers: str = Field(min_length=3)
    topic: str = Field(pattern=r"^[a-zA-Z0-9._-]+$")
    kafka_config: Path | None = None


class Counting(Frozen):
    """What the streaming job is started with.

    Attributes:
        root: the count log's root as Spark addresses it, `hdfs://host:port/path`.
        generation: one checkpoint's life.
        trigger_interval_s: a batch at most this often.
        retweets: `full`: a repost counts what it repeats; `own`: only its own words.
        words: how a text becomes words, `plain` or `clean`.
        kafka_config: Kafka client configuration with credentials; None: a plain connection.
        executors: how many; any number works with an existing checkpoint.
        access: how YARN is reached; its keytab goes with the job, which renews its tickets for as long as it runs.
    """

    root: str = Field(pattern=r"^[a-z]+://")
    generation: int = Field(ge=1)
    bootstrap_servers: str = Field(min_length=3)
    topic: str = Field(pattern=r"^[a-zA-Z0-9._-]+$")
    trigger_interval_s: int = Field(ge=1, le=3600)
    retweets: Retweets = RETWEETS[0]
    words: Words = WORDS[0]
    kafka_config: Path | None = None
    executors: int = Field(default=1, ge=1)
    access: Access = ANONYMOUS


class CountLogLocation(Frozen):
    """Where and how `compact.py` reads the count log.

    Attributes:
        url: `webhdfs://` or (TLS) `swebhdfs://`, the NameNodes with commas, the folder.
        access: how WebHDFS is reached: CA bundle and Kerberos identity.
    """

    url: str
    access: Access


def variable(wanted: Variable) -> str:
    """One Airflow variable, or its default; trimmed.

    Raises:
        ValueError: it is not set and has no default.
    """
    value = optional_variable(wanted) or wanted.default
    if not value:
        raise ValueError(f"the Airflow variable {wanted.name} is not set")
    return value


def optional_variable(wanted: Variable) -> str:
    """One Airflow variable, under its former name where the present one is not set; trimmed, empty where neither is."""
    found = (AirflowVariable.get(name, default="") for name in (wanted.name, wanted.former) if name)
    return next((text for value in found if (text := str(value or "").strip())), "")


def sources() -> tuple[SourceAddress, ...]:
    """The sources that are wanted now.

    Raises:
        ValueError: the variable is not set, or names none.
    """
    found = read_stored(variable(names.SOURCE))
    if not found:
        raise ValueError(f"the Airflow variable {names.SOURCE.name} names no source")
    return found


def generation() -> int:
    """The generation that counts now."""
    return int(variable(names.GENERATION))


def set_generation(wanted: int) -> None:
    """Makes this the generation that counts; in the file of variables, if there is one: it overrides Airflow's own.

    Raises:
        ValueError: the file holds no JSON.
    """
    options = conf.getjson("secrets", "backend_kwargs", fallback={})
    file = options.get("variables_file_path") if isinstance(options, dict) else None
    if not file:
        AirflowVariable.set(names.GENERATION.name, str(wanted))
        return
    path = Path(file)
    kept: dict[str, object] = json.loads(path.read_bytes())
    content = json.dumps({**kept, names.GENERATION.name: str(wanted)}, indent=2, ensure_ascii=False) + "\n"
    write_atomically(path, content, durably=True, mode=0o600)


def require_countable_generation(wanted: int) -> None:
    """Asks Postgres whether this generation may count.

    Raises:
        contract.generations.WrongGenerationError: it may not.
        psycopg2.OperationalError: Postgres does not answer.
    """
    connection = psycopg2.connect(dsn(names.COMPACTOR), connect_timeout=10)
    try:
        with connection.cursor() as cursor:
            cursor.execute(generations.QUERY)
            generations.require_countable(wanted, dict(cursor.fetchall()))
    finally:
        connection.close()


def supervision_s() -> float:
    """How long one run of `collect_posts` or `count_posts` watches before it hands over, seconds."""
    return float(variable(names.SUPERVISION)) * 60


def spool_dir() -> Path:
    """The collector's directory."""
    return Path(variable(names.SPOOL_DIR))


def reports_dir() -> Path:
    """Where reports are written."""
    return Path(variable(names.REPORTS_DIR))


def kafka(connection_id: str = KAFKA) -> tuple[str, str]:
    """Kafka's brokers, `host:port[,host:port]`, and the topic of the posts.

    Raises:
        ValueError: the connection names no host, or one without a port.
    """
    connection = BaseHook.get_connection(connection_id)
    servers = [_with_port(host.strip(), connection.port) for host in (connection.host or "").split(",")]
    if not all(servers):
        raise ValueError(f"the Airflow connection {connection_id}: every host needs a port, h:9092,h:9092")
    return ",".join(servers), connection.extra_dejson.get("topic", names.TOPIC)


def kafka_writer() -> str:
    """The connection the collector uses: the one that may write, where it exists."""
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
    """The path in HDFS that holds all of our files, `/hashtide`."""
    return "/" + hdfs().extra.root.strip("/")


def file_system() -> str:
    """HDFS as Spark addresses it, `hdfs://nameservice` or `hdfs://host:port`.

    Raises:
        ValueError: the connection says neither.
    """
    service = hdfs()
    if service.extra.fs:
        return service.extra.fs.rstrip("/")
    if not service.extra.rpc_port:
        raise ValueError(f"connection {HDFS}: its extra needs fs (hdfs://nameservice) or rpc_port")
    return f"hdfs://{urlsplit(service.urls[0]).hostname}:{service.extra.rpc_port}"


def count_log() -> CountLogLocation:
    """Where the compaction finds the count log, and its credentials."""
    service = hdfs()
    scheme = "swebhdfs" if service.urls[0].startswith("https:") else "webhdfs"
    hosts = ",".join(url.partition("://")[2] for url in service.urls)
    user = f"{quote(service.user, safe='')}@" if service.user and service.extra.auth == "simple" else ""
    return CountLogLocation(url=f"{scheme}://{user}{hosts}{hdfs_root()}/{names.COUNTS}", access=service.extra)


def collecting(asked_for: Sequence[SourceAddress] = ()) -> Collecting:
    """Everything the collector is started with.

    Args:
        asked_for: a run's own sources; empty: the variable's.
    """
    servers, topic = kafka(kafka_writer())
    return Collecting(sources=tuple(asked_for) or sources(), spool=spool_dir(), bootstrap_servers=servers, topic=topic)


def counting() -> Counting:
    """Everything the streaming job is started with."""
    servers, topic = kafka()
    return Counting.model_validate(
        {
            "root": file_system() + hdfs_root(),
            "generation": generation(),
            "bootstrap_servers": servers,
            "topic": topic,
            "trigger_interval_s": int(variable(names.TRIGGER_INTERVAL)),
            "retweets": variable(names.RETWEETS_RULE),
            "words": variable(names.WORDS_RULE),
            "access": service_of(BaseHook.get_connection(YARN), Access).extra,
            "executors": int(variable(names.EXECUTORS)),
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
