"""Who we are to a WebHDFS, and how it is trusted: from the command line."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Access:
    """How we are let in.

    Attributes:
        kerberos: a ticket says who we are; otherwise the URL's user does, or nobody.
        principal: whose ticket; None: whose the ticket cache's is.
        keytab: file of the principal's key; None: the ticket cache has the ticket.
        ca_file: certificates (PEM) by which TLS is trusted; None: the machine's.
    """

    kerberos: bool = False
    principal: str | None = None
    keytab: str | None = None
    ca_file: str | None = None

    def __post_init__(self) -> None:
        """Refuse what would be left unused.

        Raises:
            ValueError: a principal or a keytab and no Kerberos, or a keytab alone.
        """
        if not self.kerberos and (self.principal or self.keytab):
            raise ValueError("a principal or a keytab needs --auth kerberos")
        if self.keytab and not self.principal:
            raise ValueError("--keytab needs the --principal whose key it holds")
