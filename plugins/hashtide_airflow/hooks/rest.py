"""Asks a REST service of Hadoop's: whichever of its hosts is active, as a user's name or a Kerberos ticket allows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Generic

import requests

from hashtide_airflow.services import Access, Extra, Service

if TYPE_CHECKING:
    from requests.auth import AuthBase

TIMEOUT_S = 10.0
# Hadoop's filter against forged requests, where it is on, asks every change for this header, whatever its value.
HEADERS = {"X-XSRF-HEADER": "hashtide"}


class Rest(Generic[Extra]):
    """One service's REST. It has a session: Hadoop's cookie saves showing the ticket each time."""

    def __init__(self, service: Service[Extra]) -> None:
        ca_file = service.extra.ca_file
        if ca_file and not ca_file.is_file():
            raise ValueError(f"ca_file {ca_file} is not there")
        self.service = service
        self._urls = list(service.urls)
        self._session = requests.Session()
        self._session.headers.update(HEADERS)

    def ask(
        self, method: str, path: str, params: Mapping[str, str] | None = None, json: object = None
    ) -> requests.Response:
        """The answer of the host that is active, whatever its status; redirects are followed, to a DataNode too.

        A ResourceManager on standby redirects, a NameNode on standby says so. A question may reach two hosts: ask
        only what does no harm twice.

        Raises:
            requests.RequestException: no host answers, or there is no ticket.
            ValueError: what the connection asks for is not installed.
        """
        silent: requests.RequestException | None = None
        for url in tuple(self._urls):
            try:
                answer = self._one(method, url + path, params or {}, json)
            except (requests.ConnectionError, requests.Timeout) as error:
                silent = silent or error
            else:
                if not _on_standby(answer):
                    self._urls.sort(key=lambda each: each != url)  # the next question begins with this host
                    return answer
        if silent:
            raise silent
        return answer

    def _one(self, method: str, url: str, params: Mapping[str, str], json: object) -> requests.Response:
        extra, user = self.service.extra, self.service.user
        return self._session.request(
            method,
            url,
            params={**params, "user.name": user} if user and extra.auth == "simple" else params,
            json=json,
            timeout=TIMEOUT_S,
            auth=ticket(extra) if extra.auth == "kerberos" else None,
            # Given each time: a session's own would give way to REQUESTS_CA_BUNDLE.
            verify=str(extra.ca_file) if extra.ca_file else True,
        )


def _on_standby(answer: requests.Response) -> bool:
    return answer.status_code == requests.codes.forbidden and "StandbyException" in answer.text


def ticket(access: Access) -> AuthBase:
    """The Kerberos ticket, to be shown by SPNEGO. With a keytab MIT's library gets one, and another before it ends.

    Raises:
        requests.RequestException: no ticket could be obtained.
        ValueError: the libraries are not installed.
    """
    try:
        import gssapi
        from requests_gssapi import HTTPSPNEGOAuth
    except ImportError as error:
        raise ValueError(f'"auth": "kerberos" needs more than Hashtide itself, see conf/README.md: {error}') from error
    principal, keytab = access.principal, access.keytab
    name = gssapi.Name(principal, gssapi.NameType.kerberos_principal) if principal else None
    # Its own tickets, in memory: nothing is left behind, and nobody else's cache is in the way.
    store = {"client_keytab": f"FILE:{keytab}", "ccache": f"MEMORY:{keytab} {principal}"} if keytab else None
    try:
        if keytab:
            keytab.open("rb").close()  # the library would only say that there are no credentials
        found = gssapi.Credentials(usage="initiate", name=name, store=store)
    except (OSError, gssapi.exceptions.GSSError) as error:
        raise requests.RequestException(f"no Kerberos ticket of {principal or 'anyone'}: {error}") from error
    auth: AuthBase = HTTPSPNEGOAuth(creds=found)
    return auth
