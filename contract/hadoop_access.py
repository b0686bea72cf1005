"""How a service of Hadoop's authenticates us. Apart from the client, which takes a while to import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal


@dataclass(frozen=True)
class Access:
    """How a service authenticates us, and how we verify it.

    Attributes:
        auth: `simple`: a user name without proof; `kerberos`: a ticket, by SPNEGO.
        principal: whose ticket; None: the ticket cache's.
        keytab: file of the principal's key; None: somebody else keeps the ticket cache filled (`airflow kerberos`).
        ca_file: CA bundle (PEM) for https; None: the machine's (REQUESTS_CA_BUNDLE).
    """

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    auth: Literal["simple", "kerberos"] = "simple"
    principal: str | None = None
    keytab: Path | None = None
    ca_file: Path | None = None

    def __post_init__(self) -> None:
        """Refuses what would be ignored.

        Raises:
            ValueError: a principal or keytab without Kerberos, a keytab without its principal.
        """
        if self.principal == "":
            raise ValueError("principal is empty")
        if self.auth != "kerberos" and (self.principal or self.keytab):
            raise ValueError('principal and keytab need "auth": "kerberos" (--auth kerberos)')
        if self.keytab and not self.principal:
            raise ValueError("a keytab needs the principal whose key it contains")


ANONYMOUS = Access()
