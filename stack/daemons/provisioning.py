"""Work that is done once before or after a service starts: formatting, topic, schema, Airflow's database."""

import base64
import contextlib
import json
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from importlib.metadata import version

import psycopg2
from kafka import KafkaAdminClient
from kafka.admin import NewTopic
from kafka.errors import TopicAlreadyExistsError

from contract.files import write_atomically
from contract.hadoop_rest import HadoopError, HadoopRest
from contract.names import MIGRATOR_DSN, ROOT, STOP_MARKERS, TOPIC
from stack.config.deployment import METADATA_DATABASE, Deployment
from stack.config.errors import StackError
from stack.config.settings import REPOSITORY
from stack.daemons.rendering import KAFKA_SECRETS
from stack.daemons.services import airflow, hadoop_java, kafka_java

PARTITIONS = 4
_LIMIT_S = 300


def run(
    deployment: Deployment, what: str, command: Sequence[str], stdin: str = "", extra: Mapping[str, str] | None = None
) -> str:
    """Runs a program to its end, appends its output to a log in logs/ and returns it.

    Raises:
        StackError: it fails or takes more than five minutes; names the log.
    """
    log = deployment.home.logs / f"{what}.log"
    try:
        done = subprocess.run(
            ["setpriv", "--pdeathsig", "TERM", "--", *command],
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_LIMIT_S,
            cwd=REPOSITORY,
            env={**deployment.environment, **(extra or {})},
            start_new_session=True,  # without a terminal, programs read passwords from stdin
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise StackError(f"{what}: not done in {error.timeout:.0f} s; see {log}") from None
    with log.open("a") as file:
        file.write(done.stdout)
    if done.returncode != 0:
        lines = [line for line in done.stdout.splitlines() if line.strip()] or ["no output"]
        raise StackError(f"{what} failed: {lines[-1].strip()} (see {log})")
    return done.stdout


def new_cluster_id() -> str:
    """A random Kafka cluster id."""
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    return f"A{cluster_id[1:]}" if cluster_id.startswith("-") else cluster_id  # not an option


def format_kafka(deployment: Deployment) -> None:
    """Formats Kafka's log directory with the cluster id, the same for all brokers; does nothing if it is formatted."""
    if (deployment.home.data / "kafka" / "meta.properties").exists():
        return
    conf = deployment.home.conf / "kafka"
    cluster_id = (KAFKA_SECRETS / "cluster_id").read_text().strip() if deployment.cluster else new_cluster_id()
    args = ("format", "--cluster-id", cluster_id, "--config", str(conf / "server.properties"), "--ignore-formatted")
    run(deployment, "kafka-format", (*kafka_java(deployment, 128), "kafka.tools.StorageTool", *args))


def format_namenode(deployment: Deployment) -> None:
    """Creates an empty file system if it does not exist.

    Raises:
        StackError: there are blocks but no file tree: formatting would delete them.
    """
    if (deployment.home.data / "namenode" / "current" / "VERSION").exists():
        return
    if (deployment.home.data / "datanode" / "current" / "VERSION").exists():
        raise StackError(
            f"{deployment.home.data}/namenode is missing but {deployment.home.data}/datanode is there: restore it, "
            "or move data/datanode away to start with an empty HDFS"
        )
    main = "org.apache.hadoop.hdfs.server.namenode.NameNode"
    run(deployment, "namenode-format", (*hadoop_java(deployment, 128), main, "-format", "-nonInteractive", "-force"))


def ensure_topic(deployment: Deployment) -> str:
    """Creates the topic of the posts if it is missing. Returns a short status for the progress line."""
    configs = {
        "cleanup.policy": "delete",
        # The broker's clock, not the sender's: retention and the event time of plain text go by it.
        "message.timestamp.type": "LogAppendTime",
        "retention.ms": str(deployment.settings.topic_retention_days * 86_400_000),
    }
    admin = KafkaAdminClient(bootstrap_servers=deployment.endpoints.bootstrap_servers, request_timeout_ms=20_000)
    try:
        topic = NewTopic(name=TOPIC, num_partitions=PARTITIONS, replication_factor=1, topic_configs=configs)
        admin.create_topics([topic])
    except TopicAlreadyExistsError:
        return f"topic {TOPIC}"
    finally:
        admin.close()
    return f"topic {TOPIC} made, {PARTITIONS} partitions"


def migrate_books(deployment: Deployment) -> str:
    """Migrates the schema of the counts. Returns a short status for the progress line."""
    output = run(
        deployment,
        "migrate",
        (str(deployment.toolchain.python), "jobs/migrate.py"),
        extra={MIGRATOR_DSN: deployment.dsn("hashtide_migrator")},
    )
    applied = len(json.loads(output.strip().splitlines()[-1])["applied"])
    return f"{applied} migrations applied" if applied else "up to date"


def migrate_airflow(deployment: Deployment) -> str:
    """Creates or upgrades Airflow's metadata and its admin, if versions or database changed since the last time.

    Each of Airflow's commands takes 6 to 10 s, so they run only when needed.
    Returns a short status for the progress line.
    """
    stamp = deployment.home.airflow / "migrated.json"
    wanted = _metadata_state(deployment)
    if wanted["database"] and stamp.exists() and stamp.read_bytes() == json.dumps(wanted).encode():
        return "up to date"
    run(deployment, "airflow-migrate", (*airflow(deployment), "db", "migrate"))
    run(deployment, "airflow-migrate", (*airflow(deployment), "fab-db", "migrate"))
    user, password = deployment.secrets.admin_login()
    args = ("users", "create", "--username", user, "--role", "Admin", "--email", "admin@localhost")
    names = ("--firstname", "Hashtide", "--lastname", "Admin")
    run(deployment, "airflow-admin", (*airflow(deployment), *args, *names), stdin=f"{password}\n{password}\n")
    write_atomically(stamp, json.dumps(_metadata_state(deployment)))
    return "migrated, admin made"


def _metadata_state(deployment: Deployment) -> dict[str, object]:
    """What decides whether Airflow's migrations have to run: package versions and the database's own revisions."""
    names = ("apache-airflow-core", "apache-airflow-providers-fab")
    connection = psycopg2.connect(deployment.dsn("hashtide_airflow", METADATA_DATABASE), connect_timeout=10)
    with contextlib.closing(connection), connection.cursor() as cursor:
        return {
            **{name: version(name) for name in names},
            "database": _revisions(cursor, deployment.secrets.admin_login()[0]),
        }


def _revisions(cursor: psycopg2.extensions.cursor, admin: str) -> list[object]:
    """Alembic's revisions and the number of admins; empty if a table is missing."""
    tables = ("alembic_version", "alembic_version_fab", "ab_user")
    cursor.execute("select bool_and(to_regclass(name) is not null) from unnest(%s) name", (list(tables),))
    if not (cursor.fetchone() or [False])[0]:
        return []
    cursor.execute("select version_num from alembic_version union all select version_num from alembic_version_fab")
    revisions = sorted(row[0] for row in cursor.fetchall())
    cursor.execute("select count(*) from ab_user where username = %s", (admin,))
    return [*revisions, *(cursor.fetchone() or [0])]


def remove_stop_markers(deployment: Deployment) -> None:
    """Removes markers that an interrupted `down` left behind: the streaming job would end after its first batch."""
    rest = HadoopRest((deployment.endpoints.namenode_url,), user=deployment.user)
    try:
        rest.ask("DELETE", f"/webhdfs/v1{ROOT}/{STOP_MARKERS}", {"op": "DELETE", "recursive": "true"})
    except HadoopError as error:
        raise StackError(f"HDFS refuses to remove {ROOT}/{STOP_MARKERS}: {error}") from None
