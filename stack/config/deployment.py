"""Everything that describes one deployment: state directory, settings, ports, toolchain, secrets."""

import getpass
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from psycopg2.extensions import make_dsn, parse_dsn

from contract.names import COUNTS, ROOT, SECRETS_DIR, SPEND_FILE, TOOLCHAIN, TOPIC
from contract.source_address import SourceAddress
from contract.sources import SIMULATOR
from stack.config.endpoints import Endpoints
from stack.config.errors import StackError
from stack.config.ports import LOOPBACK
from stack.config.secrets import Secrets, write_private
from stack.config.settings import REPOSITORY, StackSettings
from stack.config.source_address import FIRST
from stack.config.state_directory import StateDirectory
from stack.toolchain import Toolchain

DATABASE = "hashtide"
METADATA_DATABASE = "hashtide_airflow"
# Hadoop's URIs, Spark's lists, supervisord's and Airflow's files each refuse other characters.
_PLAIN_PATH = re.compile(r"[\w/.@+-]+", re.ASCII)
_PASSED_ON = (
    "HOME",
    "USER",
    "LANG",
    "TZ",
    "TMPDIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    SPEND_FILE,
)
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@dataclass(frozen=True)
class Deployment:
    """One stack.

    Attributes:
        home: where its state is.
        settings: what was set.
        ports: the port of each service, by the names of `stack.config.ports.DEFAULTS`.
        toolchain: the interpreter, Java and the jars.
        hosts: the host that each service answers at; of Kafka, several with commas are brokers.
        cluster: whether services have containers of their own and ask who one is, see docker-compose.yml; else all are
            processes of this machine, on loopback.
        superuser_file: holds the password of Postgres's superuser, where the home's secrets don't.
    """

    home: StateDirectory
    settings: StackSettings
    ports: Mapping[str, int]
    toolchain: Toolchain
    hosts: Mapping[str, str] = field(default_factory=lambda: LOOPBACK)
    cluster: bool = False
    superuser_file: Path | None = None

    @property
    def secrets(self) -> Secrets:
        """The home's passwords and keys."""
        return Secrets(self.home)

    @property
    def user(self) -> str:
        """The system user that the services run as."""
        return getpass.getuser()

    @property
    def owns_postgres(self) -> bool:
        """Whether the stack starts a Postgres, or uses the user's."""
        return self.own_dsn is None

    @property
    def own_dsn(self) -> str | None:
        """Connection string of the user's own Postgres, from the settings or as remembered."""
        if self.settings.postgres_dsn:
            return self.settings.postgres_dsn.get_secret_value()
        path = self.secrets.postgres_dsn_file
        return path.read_text().strip() if path.exists() else None

    def dsn(self, role: str, database: str = DATABASE) -> str:
        """Libpq's connection string for one of our roles, password included."""
        server = {"host": self.hosts["postgres"], "port": str(self.ports["postgres"])}
        if self.own_dsn:
            server = {k: v for k, v in parse_dsn(self.own_dsn).items() if k not in ("user", "password", "dbname")}
        return make_dsn(**server, user=role, password=self.secrets[role], dbname=database)

    @property
    def superuser_password(self) -> str:
        """Of the superuser of our own Postgres."""
        return self.superuser_file.read_text().strip() if self.superuser_file else self.secrets["postgres_superuser"]

    def superuser_dsn(self, database: str = "postgres") -> str:
        """The connection string of the role that creates roles and databases."""
        if self.own_dsn:
            return make_dsn(self.own_dsn) if database == "postgres" else make_dsn(self.own_dsn, dbname=database)
        return make_dsn(
            host=self.hosts["postgres"],
            port=self.ports["postgres"],
            user="postgres",
            password=self.superuser_password,
            dbname=database,
        )

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every service: nearly nothing of the caller's, so that a start does not depend on it."""
        passed = {name: os.environ[name] for name in (*_PASSED_ON, *_PROXIES) if name in os.environ}
        java = self.toolchain.java_home
        paths = [
            str(self.toolchain.python.parent),
            f"{java}/bin",
            "/usr/local/sbin",
            "/usr/local/bin",
            "/usr/sbin",
            "/usr/bin",
        ]
        return {
            "LANG": "C.UTF-8",
            **passed,
            "PATH": ":".join([*paths, "/sbin", "/bin"]),
            "JAVA_HOME": str(java),
            "HADOOP_CONF_DIR": str(self.home.hadoop_conf),
            "SPARK_CONF_DIR": str(self.home.spark_conf),
            # Where a Spark of a task's own finds Kafka's connector.
            TOOLCHAIN: str(self.toolchain.jars.parent),
            "AIRFLOW_HOME": str(self.home.airflow),
            # Where collect_posts puts a connection's token for the collector.
            SECRETS_DIR: str(self.home.secrets),
            # Each thread of a JVM may otherwise keep 64 MB of its own for malloc.
            "MALLOC_ARENA_MAX": "2",
        }

    @property
    def first_source(self) -> tuple[SourceAddress, ...]:
        """The source until somebody names one."""
        return (SourceAddress(SIMULATOR),) if self.cluster else FIRST

    @property
    def public_url(self) -> str:
        """Airflow's address as people type it."""
        return self.settings.airflow_url or f"http://{self.hosts['airflow']}:{self.ports['airflow']}"

    @property
    def bootstrap_servers(self) -> str:
        """Kafka's brokers, `host:port`, several with commas."""
        return ",".join(f"{host}:{self.ports['kafka']}" for host in self.hosts["kafka"].split(","))

    @property
    def endpoints(self) -> Endpoints:
        """Where the stack answers."""
        namenode = f"{self.hosts['namenode']}:{self.ports['namenode_http']}"
        return Endpoints(
            home=self.home.root,
            airflow_url=f"http://{self.hosts['airflow']}:{self.ports['airflow']}",
            admin_login_file=self.secrets.admin_login_file,
            bootstrap_servers=self.bootstrap_servers,
            topic=TOPIC,
            namenode_url=f"http://{namenode}",
            count_log_url=f"webhdfs://{namenode}{ROOT}/{COUNTS}",
            resourcemanager_url=f"http://{self.hosts['resourcemanager']}:{self.ports['resourcemanager_http']}",
            reader_dsn_file=self.secrets.reader_dsn_file,
            variables_file=self.home.variables_file,
            spool_dir=self.home.spool,
            reports_dir=self.home.reports,
            kafka_config=self.secrets.kafka_reader_file if self.cluster else None,
        )

    def with_ports(self, ports: Mapping[str, int]) -> "Deployment":
        """The same stack on other ports."""
        return replace(self, ports=ports)

    def keep_dsns(self) -> None:
        """Writes the files with connection strings that other processes read."""
        if self.settings.postgres_dsn:
            write_private(self.secrets.postgres_dsn_file, self.settings.postgres_dsn.get_secret_value() + "\n")
        write_private(self.secrets.reader_dsn_file, self.dsn("hashtide_reader") + "\n")


def check_paths(home: StateDirectory) -> None:
    """Raises StackError where a path has a character that Hadoop can't handle."""
    for path in (home.root, REPOSITORY, Path(sys.prefix)):
        if not _PLAIN_PATH.fullmatch(str(path)):
            raise StackError(
                f"{path} has a blank or another character that Hadoop's addresses can't contain; "
                "use a folder named with letters, digits and . _ - only"
            )
