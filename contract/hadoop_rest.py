"""One client for Hadoop's REST services, YARN's ResourceManager and HDFS's WebHDFS (conf/README.md).

https://hadoop.apache.org/docs/stable/hadoop-project-dist/hadoop-hdfs/WebHDFS.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import requests

from contract.hadoop_access import ANONYMOUS, Access

if TYPE_CHECKING:
    from requests.auth import AuthBase

TIMEOUT_S = 10.0
Timeout = float | tuple[float, float]
# Hadoop's filter against forged requests, if it is on, wants this header in every change, whatever its value.
HEADERS = {"X-XSRF-HEADER": "hashtide"}


_DELEGATION = re.compile(r"(delegation=)[^&\s'\")]+")


class HadoopError(requests.RequestException):
    """A request to Hadoop failed. Its message is for logs: under Kerberos a URL's query carries a delegation token.

    Attributes:
        url: host and path of the request.
    """

    def __init__(self, url: str, reason: object, **more: Any) -> None:
        self.url = url.partition("?")[0]
        shown = _DELEGATION.sub(r"\1***", str(reason))
        super().__init__(f"{self.url}: {shown}", **more)


class Unreachable(HadoopError, requests.ConnectionError):  # noqa: N818  named for what it says, as all our errors are
    """No usable answer: no host answers, or there is no Kerberos ticket. Nothing is known about what was asked."""


class Refused(HadoopError, requests.HTTPError):  # noqa: N818
    """The active host answered with an error; `response` is its answer."""


class HadoopRest(requests.Session):
    """A session with one service, of whose hosts one is active. Hadoop's cookie saves a ticket per request.

    Args:
        urls: of each host, `https://nn1.example:9871`, no slash at the end.
        access: authentication and CA bundle.
        user: name to send if `access.auth` is `simple`; empty for none.
        timeout_s: to connect, and between two reads; a pair if they differ.

    Raises:
        ValueError: the CA file is missing, or Kerberos is asked for and its libraries are not installed.
    """

    def __init__(
        self, urls: Sequence[str], access: Access = ANONYMOUS, user: str = "", timeout_s: Timeout = TIMEOUT_S
    ) -> None:
        super().__init__()
        if access.ca_file and not access.ca_file.is_file():
            raise ValueError(f"ca_file {access.ca_file} is not there")
        if access.auth == "kerberos":
            _require_spnego()
        self._urls, self._access, self._timeout_s = list(urls), access, timeout_s
        self._user = user if access.auth == "simple" else ""
        self.headers.update(HEADERS)

    def ask(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        json: object = None,
        accept: tuple[int, ...] = (),
    ) -> requests.Response:
        """The active host's answer; redirects are followed, also to a DataNode.

        A request may reach two hosts: ask only for what can be done twice.

        Args:
            method: of HTTP.
            path: with its leading slash.
            params: the query.
            json: the body.
            accept: error statuses that are answers here.

        Raises:
            Unreachable: no usable answer.
            Refused: an error status other than those of `accept`.
        """
        answer = self.request(method, path, params=dict(params or {}), json=json)
        if answer.ok or answer.status_code in accept:
            return answer
        said = " ".join(answer.text[:200].split())
        raise Refused(self._urls[0] + path, f"{answer.status_code} {answer.reason}: {said}", response=answer)

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **options: Any) -> requests.Response:
        """A session's request, for libraries that take one: a path goes to the active host, a URL where it says.

        The answer may have any status. A ResourceManager on standby redirects, a NameNode on standby says so.

        Raises:
            Unreachable: no usable answer.
        """
        ca_file = self._access.ca_file
        # Given each time: a session's own would give way to REQUESTS_CA_BUNDLE.
        options = {"timeout": self._timeout_s, "verify": str(ca_file) if ca_file else True, **options}
        if not str(url).startswith("/"):
            return self._send(method, str(url), *args, **options)
        if self._user:
            options["params"] = {**(options.get("params") or {}), "user.name": self._user}
        silent: Unreachable | None = None
        for base in tuple(self._urls):
            try:
                answer = self._send(method, base + str(url), *args, **options)
            except Unreachable as error:
                silent = silent or error
            else:
                if not _on_standby(answer):
                    self._urls.sort(key=lambda each: each != base)  # the next request starts with this host
                    return answer
        if silent:
            raise silent
        return answer

    def _send(self, method: str | bytes, url: str, *args: Any, **options: Any) -> requests.Response:
        try:
            if self._access.auth == "kerberos":
                options["auth"] = _spnego(self._access)
            return super().request(method, url, *args, **options)
        except requests.RequestException as error:
            raise Unreachable(url, error) from error


def _on_standby(answer: requests.Response) -> bool:
    return answer.status_code == requests.codes.forbidden and "StandbyException" in answer.text


def _require_spnego() -> None:
    try:
        import gssapi  # noqa: F401
        import requests_gssapi  # noqa: F401
    except ImportError as error:
        raise ValueError(f'"auth": "kerberos" needs more than Hashtide itself, see conf/README.md: {error}') from error


def _spnego(access: Access) -> AuthBase:
    """A Kerberos ticket for one request. With a keytab MIT's library gets one, and renews it.

    Raises:
        requests.RequestException: there is no ticket.
    """
    # Not in Hashtide's own requirements (conf/README.md): gssapi has no wheel.
    import gssapi
    from requests_gssapi import HTTPSPNEGOAuth

    principal, keytab = access.principal, access.keytab
    name = gssapi.Name(principal, gssapi.NameType.kerberos_principal) if principal else None
    # Tickets of its own, in memory: nothing is left behind, and nobody else's cache interferes.
    store = {"client_keytab": f"FILE:{keytab}", "ccache": f"MEMORY:{keytab} {principal}"} if keytab else None
    try:
        if keytab:
            keytab.open("rb").close()  # the library would only say that there are no credentials
        found = gssapi.Credentials(usage="initiate", name=name, store=store)
    except (OSError, gssapi.exceptions.GSSError) as error:
        raise requests.RequestException(f"no Kerberos ticket of {principal or 'anyone'}: {error}") from error
    auth: AuthBase = HTTPSPNEGOAuth(creds=found)
    return auth
