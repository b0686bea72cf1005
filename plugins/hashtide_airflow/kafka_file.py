"""Who we are to Kafka: from Airflow's connections into a file for whoever is started (docs/contracts.md).

It goes by no command line, no environment, no XCom and no log: the jobs get the path of a file (0400). They check what
is in it; here only what a connection can have wrong by itself.
"""

from __future__ import annotations

import json
from pathlib import Path

from airflow.sdk import BaseHook, Connection
from airflow.sdk.log import mask_secret

from contract import names
from hashtide_airflow import settings
from hashtide_airflow.tokens import write_secret

_IN_EXTRA = (
    "security.protocol",
    "sasl.mechanism",
    "ssl.ca.pem",
    "ssl.ca.location",
    "ssl.certificate.pem",
    "ssl.key.pem",
)


def for_collector() -> Path | None:
    """The file of the connection that may write where there is one; None where Kafka asks nobody.

    Raises:
        ValueError: the connection can't be used; names it and what is wrong, never a value.
    """
    return _written(settings.kafka_writer(), "kafka-collector.json")


def for_readers() -> Path | None:
    """The same for the streaming job and looks."""
    return _written(names.KAFKA, "kafka-counter.json")


def _written(connection_id: str, name: str) -> Path | None:
    found = _client(BaseHook.get_connection(connection_id))
    # A folder of the leases' own: the home's secrets may have files of these names.
    return Path(write_secret(f"lease/{name}", json.dumps(found))) if found else None


def _client(connection: Connection) -> dict[str, str]:
    """The file's keys; empty where the connection says nothing of TLS or a login."""
    where = f"the Airflow connection {connection.conn_id}"
    found = {str(key): value for key, value in connection.extra_dejson.items() if key != "topic"}
    if unknown := sorted(found.keys() - set(_IN_EXTRA)):
        raise ValueError(f"{where}: {unknown[0]} in its extra is none of topic, {', '.join(_IN_EXTRA)}")
    login = {"sasl.username": connection.login, "sasl.password": connection.password}
    found |= {key: value for key, value in login.items() if value}
    if not found:
        return {}
    if any(not isinstance(value, str) for value in found.values()):
        raise ValueError(f"{where}: every value in its extra must be text")
    protocol = found.get("security.protocol", "")
    if not protocol:
        raise ValueError(f"{where}: security.protocol is missing in its extra")
    if "SASL" in protocol and len(login.keys() & found.keys()) < len(login):
        raise ValueError(f"{where}: {protocol} needs its login and its password")
    _resolve(found, where)
    for secret in ("sasl.password", "ssl.key.pem"):
        if secret in found:
            mask_secret(found[secret])
    return found


def _resolve(found: dict[str, str], where: str) -> None:
    """The authority's certificates by value: the job that reads the file is on another machine."""
    if location := found.pop("ssl.ca.location", None):
        try:
            found["ssl.ca.pem"] = Path(location).read_text()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "is no text"
            raise ValueError(f"{where}: ssl.ca.location {location}: {why}") from None
