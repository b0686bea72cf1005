"""WebHDFS as clusters have it: over TLS, for a Kerberos ticket, with a second NameNode; the rest is fsspec's."""

import re
from typing import Any, NamedTuple
from urllib.parse import unquote

import requests
from fsspec.implementations.webhdfs import WebHDFS

from compacting.access import Access

HTTP_TIMEOUT_S = (10.0, 60.0)  # to connect, and between two reads
URL = re.compile(r"(?P<scheme>s?webhdfs)://((?P<user>[^@/]+)@)?(?P<hosts>[^@/]+)(?P<path>/.*)")


class Place(NamedTuple):
    """A URL in its parts."""

    bases: list[str]
    user: str | None
    path: str


def parse(url: str) -> Place:
    """`webhdfs://user@nn1:9870,nn2:9870/path`, `swebhdfs://` over TLS.

    Raises:
        ValueError: the URL is not one of these.
    """
    found = URL.fullmatch(url)
    if not found:
        raise ValueError(f"{url!r} is not webhdfs://HOST:PORT[,HOST:PORT]/PATH, or swebhdfs:// over TLS")
    scheme, port = ("https", 9871) if found["scheme"] == "swebhdfs" else ("http", 9870)  # Hadoop's own ports
    hosts = found["hosts"].split(",")
    if not all(hosts):
        raise ValueError(f"{url!r} has an empty host between commas")
    bases = [f"{scheme}://{host}{'' if ':' in host else f':{port}'}/webhdfs/v1" for host in hosts]
    return Place(bases, unquote(found["user"]) if found["user"] else None, found["path"])


def file_system(url: str, access: Access) -> tuple[WebHDFS, str]:
    """The file system and the path in it; nothing is asked yet.

    Raises:
        ValueError: the URL is wrong.
    """
    bases, user, path = parse(url)
    found = WebHDFS(host="", user=None if access.kerberos else user, use_listings_cache=False, skip_instance_cache=True)
    found.url, found.session = bases[0], NameNodes(bases, access)
    return found, path


class NameNodes(requests.Session):
    """Asks the NameNode that is active; every wait has a limit, of which fsspec sets none."""

    def __init__(self, bases: list[str], access: Access) -> None:
        super().__init__()
        self._first, self._bases, self._access = bases[0], list(bases), access
        # Hadoop's filter against forged requests, where it is on, asks every change for it.
        self.headers["X-XSRF-HEADER"] = "hashtide"

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """As a session's. What is for the first NameNode goes to the active one; it may reach both, which does no harm.

        Raises:
            requests.RequestException: no NameNode answers, or there is no ticket; a DataNode refuses.
        """
        # Given each time: a session's own would give way to REQUESTS_CA_BUNDLE.
        kwargs = {"timeout": HTTP_TIMEOUT_S, "verify": self._access.ca_file or True, **kwargs}
        if not str(url).startswith(self._first):
            answer = super().request(method, url, *args, **kwargs)
            answer.raise_for_status()  # fsspec takes whatever a DataNode says for the file's bytes
            return answer
        path = str(url).removeprefix(self._first)
        silent: requests.RequestException | None = None
        for base in tuple(self._bases):
            self.auth = spnego(self._access) if self._access.kerberos else None
            try:
                answer = super().request(method, base + path, *args, **kwargs)
            except (requests.ConnectionError, requests.Timeout) as error:
                silent = silent or error
            else:
                if not on_standby(answer):
                    self._bases.sort(key=lambda each: each != base)  # the next question begins with this one
                    return answer
        if silent:
            raise silent
        return answer


def on_standby(answer: requests.Response) -> bool:
    """Whether it is the answer of a NameNode that leaves it to another one."""
    return answer.status_code == requests.codes.forbidden and "StandbyException" in answer.text


def spnego(access: Access) -> requests.auth.AuthBase:
    """The Kerberos ticket. With a keytab MIT's library gets one, and another before it ends.

    Raises:
        requests.RequestException: no ticket could be obtained.
    """
    # Not among Hashtide's own requirements (conf/README.md): there is no wheel of gssapi.
    import gssapi
    from requests_gssapi import HTTPSPNEGOAuth

    principal, keytab = access.principal, access.keytab
    name = gssapi.Name(principal, gssapi.NameType.kerberos_principal) if principal else None
    # Its own tickets, in memory: nothing is left behind, and nobody else's cache is in the way.
    store = {"client_keytab": f"FILE:{keytab}", "ccache": f"MEMORY:{keytab} {principal}"} if keytab else None
    try:
        found = gssapi.Credentials(usage="initiate", name=name, store=store)
    except gssapi.exceptions.GSSError as error:
        raise requests.RequestException(f"no Kerberos ticket of {principal or 'anyone'}: {error}") from error
    auth: requests.auth.AuthBase = HTTPSPNEGOAuth(creds=found)
    return auth
