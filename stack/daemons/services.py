"""The processes that supervisord runs, and the command line of each."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from stack.config.deployment import Deployment
from stack.config.settings import REPOSITORY
from stack.daemons.postgres import run_as, server_binaries


@dataclass(frozen=True)
class Service:
    """One supervised process.

    Attributes:
        name: supervisord's, and its log's.
        title: what people read.
        command: what is run, without `stack.daemons.launch` before it.
        environment: of the process, complete.
        launcher: the command line of `stack.daemons.launch`.
        launch: more options for it.
        stop_signal: stops it in order; also sent when supervisord ends.
        stop_wait_s: how long stopping may take.
    """

    name: str
    title: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    launcher: tuple[str, ...]
    launch: tuple[str, ...] = ()
    stop_signal: str = "TERM"
    stop_wait_s: int = 20

    @property
    def command_line(self) -> str:
        """The command for supervisord's file, where `%` must be doubled."""
        words = (*self.launcher, "--name", self.name, "--signal", self.stop_signal, *self.launch, "--", *self.command)
        return shlex.join(words).replace("%", "%%")

    @property
    def environment_line(self) -> str:
        """The environment for supervisord's file."""
        pairs = sorted(self.environment.items())
        return ",".join(f"{key}={_quoted(value)}" for key, value in pairs).replace("%", "%%")


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def services_of(deployment: Deployment) -> list[Service]:
    """The stack's services in display order; they stop in reverse order."""
    own = [_postgres(deployment)] if deployment.owns_postgres else []
    return [*own, _kafka(deployment), *_hadoop(deployment), *_airflow(deployment)]


def _launcher(deployment: Deployment) -> tuple[str, ...]:
    # By its path, and with -P: a service may have any working directory.
    return (
        str(deployment.toolchain.python),
        "-P",
        str(REPOSITORY / "stack" / "daemons" / "launch.py"),
        "--run",
        str(deployment.home.run),
    )


def _postgres(deployment: Deployment) -> Service:
    data, conf = deployment.home.data / "postgres", deployment.home.conf / "postgres"
    identity = run_as((data, server_binaries()))
    launch = ["--working-dir", str(data)]
    if identity.user:
        launch += ["--user", identity.user]
    if identity.capability:
        launch += ["--capability", identity.capability]
    options = {"config_file": conf / "postgresql.conf", "hba_file": conf / "pg_hba.conf"}
    settings = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
    return Service(
        name="postgres",
        title="Postgres",
        command=(str(server_binaries() / "postgres"), "-D", str(data), *settings),
        environment=deployment.environment,
        launcher=_launcher(deployment),
        launch=tuple(launch),
        stop_signal="INT",  # fast: TERM would wait until the last client has gone
        stop_wait_s=40,
    )


def java(deployment: Deployment, heap_mb: int, class_path: list[str], *more: str) -> tuple[str, ...]:
    """The start of a Java daemon's command line, up to its main class."""
    return (
        str(deployment.toolchain.java_home / "bin" / "java"),
        f"-Xmx{heap_mb}m",
        # One collector thread: these heaps are small, and four threads for each of five daemons are not.
        "-XX:+UseSerialGC",
        # Exits instead of limping: supervisord restarts it.
        "-XX:+ExitOnOutOfMemoryError",
        # No /tmp/hsperfdata: it is written to disk at each collection.
        "-XX:+PerfDisableSharedMem",
        "-Djava.net.preferIPv4Stack=true",
        *more,
        "-cp",
        ":".join(class_path),
    )


def _kafka(deployment: Deployment) -> Service:
    settings = str(deployment.home.conf / "kafka" / "server.properties")
    return Service(
        name="kafka",
        title="Kafka",
        command=(*kafka_java(deployment, deployment.settings.kafka_heap_mb), "kafka.Kafka", settings),
        environment=deployment.environment,
        launcher=_launcher(deployment),
        stop_wait_s=30,
    )


def kafka_java(deployment: Deployment, heap_mb: int) -> tuple[str, ...]:
    """The start of a Kafka command line, up to its main class."""
    conf = deployment.home.conf / "kafka"
    log4j = f"-Dlog4j2.configurationFile={conf}/log4j2.properties"
    return java(deployment, heap_mb, [str(conf), f"{deployment.toolchain.jars}/kafka/*"], log4j)


def _hadoop(deployment: Deployment) -> list[Service]:
    settings = deployment.settings
    server = "org.apache.hadoop.hdfs.server"
    yarn = "org.apache.hadoop.yarn.server"
    daemons = [
        ("namenode", "HDFS NameNode", settings.namenode_heap_mb, f"{server}.namenode.NameNode"),
        ("datanode", "HDFS DataNode", settings.datanode_heap_mb, f"{server}.datanode.DataNode"),
        (
            "resourcemanager",
            "YARN ResourceManager",
            settings.resourcemanager_heap_mb,
            f"{yarn}.resourcemanager.ResourceManager",
        ),
        ("nodemanager", "YARN NodeManager", settings.nodemanager_heap_mb, f"{yarn}.nodemanager.NodeManager"),
    ]
    return [
        Service(name, title, (*hadoop_java(deployment, heap_mb), main), deployment.environment, _launcher(deployment))
        for name, title, heap_mb, main in daemons
    ]


def hadoop_java(deployment: Deployment, heap_mb: int) -> tuple[str, ...]:
    """The start of a Hadoop daemon's command line, up to its main class."""
    class_path = [str(deployment.home.hadoop_conf), f"{deployment.toolchain.jars}/hadoop/*"]
    return java(deployment, heap_mb, class_path, f"-Dhadoop.log.dir={deployment.home.logs}")


def _airflow(deployment: Deployment) -> list[Service]:
    processes = [
        ("airflow-api-server", "Airflow API server and UI", ("api-server",)),
        ("airflow-dag-processor", "Airflow DAG processor", ("dag-processor",)),
        # Without --skip-serve-logs each opens a log server on every address; the API server reads the files itself.
        ("airflow-scheduler", "Airflow scheduler", ("scheduler", "--skip-serve-logs")),
        ("airflow-triggerer", "Airflow triggerer", ("triggerer", "--skip-serve-logs")),
    ]
    return [
        Service(name, title, (*airflow(deployment), *words), deployment.environment, _launcher(deployment))
        for name, title, words in processes
    ]


def airflow(deployment: Deployment) -> tuple[str, ...]:
    """The start of an Airflow command line."""
    return (str(deployment.toolchain.python), "-P", "-m", "airflow")
