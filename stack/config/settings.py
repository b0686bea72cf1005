"""All settings of the stack; docs/operations.md has them as a table."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from contract.names import TRIGGER_INTERVAL_S
from contract.source_address import SourceAddress, read_stored
from stack.config.errors import StackError

REPOSITORY = Path(__file__).resolve().parents[2]
MOST_BROKERS = 9


def _addresses(value: object) -> object:
    return read_stored(value) if isinstance(value, str) else value


class StackSettings(BaseSettings):
    """Settings of one stack, from the environment as HASHTIDE_NAME; command-line options override them.

    Attributes:
        home: the state directory.
        source: what is collected, see docs/contracts.md: in the environment an address, or a JSON list of several.
            Empty keeps the current ones, at first `auto`.
        x_token_file, mastodon_token_file: files (0400 or 0600) with the networks' tokens, if Airflow's connections
            don't contain them.
        trigger_interval_s: seconds between the starts of two batches of the streaming job.
        postgres_dsn: connection string of the user's own Postgres, for a role that may create roles and databases;
            without it the stack starts one.
        ports: ports fixed by the user, by name (see `stack.config.ports.DEFAULTS`): they never move.
        yarn_memory_mb: memory that YARN may give to containers.
        yarn_vcores: cores that YARN may give to containers; shares, not a limit.
        yarn_heartbeat_ms: how often the NodeManager asks for work; shorter starts containers sooner and costs CPU.
        airflow_url: Airflow's address in a browser, if it differs from the one that it listens on.
        topic_retention_days: how long Kafka keeps the posts.
        airflow_parallelism: tasks that may run at once.
        *_heap_mb: Java heap of each daemon.
        driver_memory_mb, driver_overhead_mb, executor_memory_mb, executor_overhead_mb: sizes of Spark's two containers.
        executor_cores: tasks that an executor runs at once.
        executors: of the streaming job.
        brokers: of Kafka, in the cluster in containers; the launcher has one.
    """

    model_config = SettingsConfigDict(env_prefix="HASHTIDE_", frozen=True, extra="ignore")

    home: Path = REPOSITORY / ".hashtide"
    source: Annotated[tuple[SourceAddress, ...], NoDecode, BeforeValidator(_addresses)] = ()
    x_token_file: Path | None = None
    mastodon_token_file: Path | None = None
    trigger_interval_s: int = Field(default=TRIGGER_INTERVAL_S, ge=1, le=3600)
    postgres_dsn: SecretStr | None = None
    ports: dict[str, int] = Field(default_factory=dict)
    yarn_memory_mb: int = Field(default=8192, ge=2048)
    yarn_vcores: int = Field(default=8, ge=2)
    yarn_heartbeat_ms: int = Field(default=200, ge=100)
    airflow_url: str = ""
    topic_retention_days: int = Field(default=30, ge=1)
    airflow_parallelism: int = Field(default=4, ge=1)
    kafka_heap_mb: int = Field(default=256, ge=128)
    namenode_heap_mb: int = Field(default=128, ge=64)
    datanode_heap_mb: int = Field(default=96, ge=64)
    resourcemanager_heap_mb: int = Field(default=192, ge=96)
    nodemanager_heap_mb: int = Field(default=128, ge=64)
    driver_memory_mb: int = Field(default=512, ge=384)
    driver_overhead_mb: int = Field(default=512, ge=256)
    executor_memory_mb: int = Field(default=640, ge=384)
    executor_overhead_mb: int = Field(default=640, ge=256)
    executor_cores: int = Field(default=2, ge=1)
    executors: int = Field(default=1, ge=1)
    brokers: int = Field(default=3, ge=3, le=MOST_BROKERS)

    @classmethod
    def read(cls, **options: object) -> Self:
        """Returns the settings from the options that are not None, then the environment, then the defaults.

        Raises:
            StackError: a value is refused; names the setting.
        """
        try:
            settings = cls(**{key: value for key, value in options.items() if value is not None})  # type: ignore[arg-type]
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            raise StackError(f"HASHTIDE_{'_'.join(map(str, first['loc'])).upper()}: {first['msg']}") from None
        return settings.model_copy(update={"home": settings.home.expanduser().resolve()})
