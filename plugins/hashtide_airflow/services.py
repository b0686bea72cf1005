"""Hadoop's services as their Airflow connections describe them: hosts, user, and the extra.

conf/README.md documents the fields for those who already have a cluster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as validated

from contract.hadoop_access import Access
from contract.hadoop_rest import HadoopRest
from contract.names import ROOT


@validated(frozen=True, config=ConfigDict(extra="forbid"))
class HdfsExtra(Access):
    """The extra of `hashtide_hdfs`.

    Attributes:
        root: the folder that contains everything of ours.
        fs: the file system as Spark addresses it, `hdfs://nameservice`; None: the first host, with `rpc_port`.
        rpc_port: of the NameNode's RPC.
    """

    root: str = ROOT
    fs: Annotated[str | None, Field(pattern=r"^[a-z][a-z0-9+.-]*://[^/]+/?$")] = None
    rpc_port: Annotated[int | None, Field(ge=1, le=65535)] = None


Extra = TypeVar("Extra", bound=Access)


@dataclass(frozen=True)
class Service(Generic[Extra]):
    """A REST service.

    Attributes:
        urls: of each host, `https://nn1.example:9871`, no slash at the end; one of them is active.
        user: name to send if auth is simple; empty for none.
        extra: the connection's own, validated.
    """

    urls: tuple[str, ...]
    user: str
    extra: Extra

    def rest(self, default_user: str = "") -> HadoopRest:
        """A client. Raises ValueError if its CA file, or Kerberos' libraries, are missing."""
        return HadoopRest(self.urls, self.extra, self.user or default_user)


def service_of(connection: Any, extra: type[Extra]) -> Service[Extra]:
    """A connection, validated.

    Raises:
        ValueError: it cannot be used; the message names the connection and the field.
    """
    try:
        found = TypeAdapter(extra).validate_python(connection.extra_dejson)
    except ValidationError as error:
        # Without the values: errors go to logs.
        faults = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'extra'}: {each['msg']}" for each in error.errors())
        raise ValueError(f"connection {connection.conn_id}: {faults}") from None
    return Service(_urls(connection), connection.login or "", found)


def _urls(connection: Any) -> tuple[str, ...]:
    """Airflow keeps https in three places: in the host, as `schema` (the form), as the type (a URI's beginning)."""
    scheme, _, hosts = (connection.host or "").strip().rpartition("://")
    scheme = scheme or connection.schema or ("https" if connection.conn_type == "https" else "http")
    if scheme not in ("http", "https"):
        raise ValueError(f"connection {connection.conn_id}: schema is {scheme!r}, not http or https")
    named = [host.strip().rstrip("/") for host in hosts.split(",")]
    if not all(named):
        raise ValueError(f"connection {connection.conn_id}: no host, or an empty one between commas")
    port = f":{connection.port}" if connection.port else ""
    return tuple(f"{scheme}://{host}" + ("" if ":" in host else port) for host in named)
