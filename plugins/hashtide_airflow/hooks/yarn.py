"""YARN's ResourceManager over REST: finds applications by tag, and kills them.

https://hadoop.apache.org/docs/stable/hadoop-yarn/hadoop-yarn-site/ResourceManagerRest.html
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import requests
from airflow.sdk import BaseHook

from contract import names
from contract.hadoop_access import Access
from contract.hadoop_rest import HadoopRest, Refused, Unreachable
from hashtide_airflow.backoff import HEALTHY_S
from hashtide_airflow.services import Service, service_of

ENDED = frozenset({"FINISHED", "FAILED", "KILLED"})
APPLICATIONS = "/ws/v1/cluster/apps"
TOO_SHORT_S = 60.0  # a streaming job that ends sooner has not streamed, even if it reports success


@dataclass(frozen=True)
class Application:
    """One YARN application.

    Attributes:
        state: YARN's own: NEW … ACCEPTED, RUNNING, FINISHED, FAILED, KILLED.
        final_status: UNDEFINED, SUCCEEDED, FAILED or KILLED, as the application reported.
        started_ms, finished_ms: epoch milliseconds; finished is 0 while it runs.
    """

    id: str
    state: str
    final_status: str
    started_ms: int
    finished_ms: int
    diagnostics: str
    tracking_url: str

    @property
    def active(self) -> bool:
        """True until it has ended."""
        return self.state not in ENDED

    @property
    def succeeded(self) -> bool:
        """True if its stop marker ended it after its last batch."""
        return self.state == "FINISHED" and self.final_status == "SUCCEEDED"

    @property
    def ran_s(self) -> float:
        """Run time in seconds; 0 until it has ended."""
        return max(0, self.finished_ms - self.started_ms) / 1000

    @property
    def age(self) -> tuple[int, int, str]:
        """Sort key, oldest first: YARN numbers applications in order of submission."""
        _, _, numbers = self.id.partition("_")
        cluster, _, sequence = numbers.partition("_")
        return (int(cluster or 0), int(sequence or 0), self.id)


def applications_of(answer: Any) -> list[Application]:
    """The applications in an answer of `/ws/v1/cluster/apps`, newest first.

    Raises:
        Unreachable: the answer is not one of a ResourceManager.
    """
    if not isinstance(answer, dict) or "apps" not in answer:
        raise Unreachable(APPLICATIONS, f"not an answer of a ResourceManager: {str(answer)[:200]}")
    rows = (answer["apps"] or {}).get("app") or []
    found = [
        Application(
            id=row["id"],
            state=row["state"],
            final_status=row.get("finalStatus", "UNDEFINED"),
            started_ms=row.get("startedTime", 0),
            finished_ms=row.get("finishedTime", 0),
            diagnostics=(row.get("diagnostics") or "").strip(),
            tracking_url=row.get("trackingUrl") or "",
        )
        for row in rows
    ]
    return sorted(found, key=lambda application: application.age, reverse=True)


def failures_in_a_row(newest_first: Iterable[Application]) -> int:
    """How many failed since the last that succeeded or ran for ten minutes, as far as the ResourceManager remembers."""
    failures = 0
    for application in newest_first:
        if application.active or (application.succeeded and application.ran_s >= TOO_SHORT_S):
            break
        failures += 1
        if application.ran_s >= HEALTHY_S:
            break
    return failures


class YarnHook(BaseHook):
    """Asks the ResourceManager of a connection.

    Args:
        connection_id: an http connection: host or hosts, port; extra: `contract.hadoop_access.Access`.
    """

    def __init__(self, connection_id: str = names.YARN) -> None:
        super().__init__()
        self.connection_id = connection_id
        self._service: Service[Access] | None = None
        self._rest = HadoopRest(())

    def applications(self, tag: str) -> list[Application]:
        """All applications with the tag, ended ones too, newest first.

        Raises:
            Unreachable: no usable answer; the application may still run.
        """
        return self._find(self.get_connection(self.connection_id), tag)

    async def find(self, tag: str) -> list[Application]:
        """As `applications`, without blocking: a thread asks, for seconds at most."""
        return await asyncio.to_thread(self._find, await self.aget_connection(self.connection_id), tag)

    def kill(self, application_id: str) -> None:
        """Asks YARN to kill an application. Counts survive: an interrupted batch runs again.

        Raises:
            Unreachable: the ResourceManager did not accept it.
        """
        path = f"{APPLICATIONS}/{application_id}/state"
        self._ask(self.get_connection(self.connection_id), "PUT", path, json={"state": "KILLED"})

    def _find(self, connection: object, tag: str) -> list[Application]:
        answer = self._ask(connection, "GET", APPLICATIONS, params={"applicationTags": tag})
        try:
            return applications_of(answer.json())
        except ValueError as error:  # an HTML page: a login, or a standby that knows no active host
            raise Unreachable(answer.url, error) from error

    def _ask(self, connection: object, method: str, path: str, **what: Any) -> requests.Response:
        service = service_of(connection, Access)
        if self._service != service:  # the connection may change while a trigger polls
            self._service, self._rest = service, service.rest()
        try:
            return self._rest.ask(method, path, **what)
        except Refused as error:  # whatever the reason, nothing is known about the application
            raise Unreachable(error.url, error) from error
