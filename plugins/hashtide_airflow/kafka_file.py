"""Kafka client configuration with credentials: from Airflow's connections into a file for a job (docs/contracts.md).

Secrets stay out of command lines, environments, XComs and logs: the jobs get the path of a file (0400). The contract
checks the configuration; here is checked only what is particular to a connection.
"""

from __future__ import annotations

from pathlib import Path

from airflow.sdk import BaseHook, Connection
from airflow.sdk.log import mask_secret

from contract import names
from contract.kafka_client import PLAIN, KafkaClientConfig, KafkaConfigError, parse_kafka_config
from hashtide_airflow import settings
from hashtide_airflow.tokens import write_secret


def for_collector() -> Path | None:
    """The file of the connection that may write, if there is one, else the usual; None for a plain connection.

    Raises:
        ValueError: the connection cannot be used; the message names it and the key, never a value.
    """
    return _written(settings.kafka_writer(), "kafka-collector.json")


def for_readers() -> Path | None:
    """The file for the streaming job, previews and checks; None for a plain connection.

    Raises:
        ValueError: the connection cannot be used; the message names it and the key, never a value.
    """
    return _written(names.KAFKA, "kafka-counter.json")


def _written(connection_id: str, name: str) -> Path | None:
    config = _config(BaseHook.get_connection(connection_id))
    # A folder of its own: the state directory's secrets may have files of these names.
    return Path(write_secret(f"lease/{name}", config.as_json())) if config.settings else None


def _config(connection: Connection) -> KafkaClientConfig:
    """The connection's configuration; PLAIN if it has neither TLS settings nor credentials."""
    where = f"the Airflow connection {connection.conn_id}"
    extra = {str(key): value for key, value in connection.extra_dejson.items() if key != "topic"}
    fields = {"sasl.username": connection.login, "sasl.password": connection.password}
    if misplaced := sorted(extra.keys() & fields.keys()):
        raise ValueError(f"{where}: {misplaced[0]} in its extra: use its login and its password")
    found = extra | {key: value for key, value in fields.items() if value}
    if not found:
        return PLAIN
    for secret in ("sasl.password", "ssl.key.pem"):
        if secret in found:
            mask_secret(found[secret])
    if "SASL" in str(found.get("security.protocol")) and not fields.keys() <= found.keys():
        raise ValueError(f"{where}: {found['security.protocol']} needs its login and its password")
    try:
        return parse_kafka_config(found)
    except KafkaConfigError as error:
        raise ValueError(f"{where}: {error}") from None
