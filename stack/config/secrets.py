"""Passwords and keys: made at random on the first start, one file each, readable by their owner only."""

import base64
import os
import secrets as random_source
from collections.abc import Callable
from pathlib import Path

from contract.files import remove_leftovers, write_atomically
from stack.config.state_directory import StateDirectory

ADMIN_USER = "admin"


def _token() -> str:
    return random_source.token_urlsafe(32)


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def _long_token() -> str:
    return random_source.token_urlsafe(64)  # HS512 wants a key of 64 bytes or more


MAKERS: dict[str, Callable[[], str]] = {
    "postgres_superuser": _token,
    "hashtide_migrator": _token,
    "hashtide_compactor": _token,
    "hashtide_reporter": _token,
    "hashtide_reader": _token,
    "hashtide_airflow": _token,
    "supervisor": _token,
    "airflow_fernet_key": _fernet_key,
    "airflow_api_secret": _long_token,
    "airflow_jwt_secret": _long_token,
}
"""How each secret is made, by name."""


class Secrets:
    """The secrets of one state directory, by name."""

    def __init__(self, home: StateDirectory) -> None:
        self._dir = home.secrets

    def ensure(self) -> bool:
        """Creates missing secrets; returns whether the admin's login was created now."""
        for name, make in MAKERS.items():
            if not (self._dir / name).exists():
                write_private(self._dir / name, make() + "\n")
        if self.admin_login_file.exists():
            return False
        write_private(self.admin_login_file, f"{ADMIN_USER}\n{random_source.token_urlsafe(12)}\n")
        return True

    def __getitem__(self, name: str) -> str:
        return (self._dir / name).read_text().strip()

    @property
    def admin_login_file(self) -> Path:
        """Two lines, user and password of Airflow's admin."""
        return self._dir / "airflow_admin"

    @property
    def reader_dsn_file(self) -> Path:
        """The file with the read-only role's connection string."""
        return self._dir / "reader.dsn"

    @property
    def postgres_dsn_file(self) -> Path:
        """The file with the connection string of the user's own Postgres, kept for the next command."""
        return self._dir / "postgres.dsn"

    @property
    def kafka_reader_file(self) -> Path:
        """The Kafka client configuration (docs/contracts.md) that may read the topic; in the cluster only."""
        return self._dir / "kafka-counter.json"

    @property
    def kafka_writer_file(self) -> Path:
        """The Kafka client configuration that may write to the topic, the collector's; in the cluster only."""
        return self._dir / "kafka-collector.json"

    def admin_login(self) -> tuple[str, str]:
        """User and password of Airflow's admin."""
        user, password = self.admin_login_file.read_text().splitlines()
        return user, password


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner can read, atomically."""
    remove_leftovers(path.parent)
    write_atomically(path, text, durably=True, mode=0o600)
