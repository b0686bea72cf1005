"""A service of Hadoop's as its Airflow connection names it: its hosts, how it is trusted, who we are to it.

The fields are documented in conf/README.md, which people read who have a cluster already.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from contract.names import ROOT


class Access(BaseModel):
    """What stands in a connection's extra about trust.

    Attributes:
        auth: `simple`: we say who we are; `kerberos`: a ticket does.
        principal: whose ticket; none: whose the ticket cache's is.
        keytab: file of the principal's key; none: somebody else keeps the ticket cache filled (`airflow kerberos`).
        ca_file: certificates (PEM) by which https is trusted; none: the machine's (REQUESTS_CA_BUNDLE).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    auth: Literal["simple", "kerberos"] = "simple"
    principal: str | None = Field(default=None, min_length=1)
    keytab: Path | None = None
    ca_file: Path | None = None

    @model_validator(mode="after")
    def _keys_are_kerberos(self) -> Access:
        if self.auth != "kerberos" and (self.principal or self.keytab):
            raise ValueError('principal and keytab need "auth": "kerberos"')
        if self.keytab and not self.principal:
            raise ValueError("a keytab needs the principal whose key it holds")
        return self


class HdfsExtra(Access):
    """The extra of `hashtide_hdfs`.

    Attributes:
        root: the folder below which everything of ours is.
        fs: the file system as Spark knows it, `hdfs://nameservice`; none: the first host, with `rpc_port`.
        rpc_port: of the NameNode's RPC.
    """

    root: str = ROOT
    fs: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9+.-]*://[^/]+/?$")
    rpc_port: int | None = Field(default=None, ge=1, le=65535)


Extra = TypeVar("Extra", bound=Access)


@dataclass(frozen=True)
class Service(Generic[Extra]):
    """A REST service.

    Attributes:
        urls: of each of its hosts, `https://nn1.example:9871`, no slash at the end; one of them is active.
        user: who we say we are where auth is simple; empty: nobody is named.
        extra: the connection's own, validated.
    """

    urls: tuple[str, ...]
    user: str
    extra: Extra


def service_of(connection: Any, extra: type[Extra]) -> Service[Extra]:
    """A connection, validated.

    Raises:
        ValueError: it cannot be used; the message names the connection and the field.
    """
    try:
        found = extra.model_validate(connection.extra_dejson)
    except ValidationError as error:
        # Without the values, which are somebody's: errors go to logs.
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
