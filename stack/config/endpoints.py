"""Where the running stack answers."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Endpoints:
    """Addresses and paths of one stack, as they are now. Secrets are read from their files when needed, not kept here.

    Attributes:
        home: the state directory (`--home`).
        airflow_url: base URL of Airflow, no slash at its end.
        admin_login_file: file (0600) with two lines, user and password of Airflow's admin.
        bootstrap_servers: Kafka, `host:port`.
        topic: the topic that holds the posts.
        namenode_url: `http://host:port` of the NameNode (WebHDFS).
        count_log_url: the count log's root as fsspec knows it, `webhdfs://host:port/hashtide/counts`.
        resourcemanager_url: `http://host:port` of YARN's ResourceManager.
        reader_dsn_file: file (0600) with the libpq connection string of the read-only role.
        variables_file: the JSON file that Airflow reads its variables from (LocalFilesystemBackend).
        spool_dir: the collector's spool.
        reports_dir: where reports are written.
        kafka_config: Kafka client configuration (docs/contracts.md) that may read the topic; None without credentials.
    """

    home: Path
    airflow_url: str
    admin_login_file: Path
    bootstrap_servers: str
    topic: str
    namenode_url: str
    count_log_url: str
    resourcemanager_url: str
    reader_dsn_file: Path
    variables_file: Path
    spool_dir: Path
    reports_dir: Path
    kafka_config: Path | None = None
