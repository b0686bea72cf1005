"""The part of Airflow's REST API that the commands need: DAG runs, their state and logs, questions, import errors."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import tenacity

REQUEST_TIMEOUT_S = (5.0, 30.0)
"""Connect, read. Airflow's first answers after a start take seconds on two cores."""
RETRY_FOR_S = 60.0
"""A supervised API server that ends is back in about 15 s; after four times that it is an error."""
UNFINISHED = ("queued", "running")


class AirflowError(Exception):
    """A request to Airflow failed; the message says which and why."""


class AirflowAwayError(AirflowError):
    """Airflow did not answer, or only with 5xx, within the retry limit."""


class AirflowRefusedError(AirflowError):
    """Airflow answered with a 4xx.

    Attributes:
        status: the HTTP status.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Run:
    """One DAG run.

    Attributes:
        dag_id: its DAG.
        run_id: unique within the DAG.
        state: `queued`, `running`, `success` or `failed`.
    """

    dag_id: str
    run_id: str
    state: str

    @property
    def finished(self) -> bool:
        """Whether its state is final."""
        return self.state not in UNFINISHED


@dataclass(frozen=True)
class FailedTask:
    """A task instance that failed, and the end of its log.

    Attributes:
        dag_id: its DAG.
        task_id: its task.
        try_number: the attempt that the log is of, from 1.
        log_tail: the last lines of its log, oldest first; empty if there is no log.
    """

    dag_id: str
    task_id: str
    try_number: int
    log_tail: list[str]

    @property
    def why(self) -> str:
        """The most telling line of its log: the job's last error, else the last line."""
        errors = [line for line in self.log_tail if " ERROR " in line]
        return (errors or self.log_tail or ["no log"])[-1].strip()[:500]


class AirflowApi:
    """A client that logs in, renews an expired token, and retries while Airflow does not answer."""

    def __init__(self, base_url: str, login_file: Path, retry_for_s: float = RETRY_FOR_S) -> None:
        """Args: base URL without a slash at its end; file with two lines, user and password; how long to retry."""
        self._base_url = base_url
        self._login_file = login_file
        self._session = requests.Session()
        # No proxies and no .netrc for requests to loopback.
        self._session.trust_env = False
        self._token: str | None = None
        self._retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(AirflowAwayError),
            wait=tenacity.wait_random_exponential(multiplier=0.2, max=5),
            stop=tenacity.stop_after_delay(retry_for_s),
            reraise=True,
        )

    def unpause(self, dag_id: str) -> bool:
        """Lets the DAG's runs start. False where Airflow has not parsed a DAG of this name."""
        try:
            self._call("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": False})
        except AirflowRefusedError as error:
            if error.status == requests.codes.not_found:
                return False
            raise
        return True

    def import_errors(self) -> list[str]:
        """One line per DAG file that Airflow can't import: the file and the last line of the traceback."""
        found = self._call("GET", "/api/v2/importErrors")["import_errors"]
        return [f"{each['filename']}: {_last_line(each['stack_trace'])}" for each in found]

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None) -> Run:
        """Triggers a run with these Params.

        The run's id is chosen here, so that a retry after a lost answer does not start a second run.
        """
        run_id = f"hashtide_up__{uuid.uuid4().hex}"
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf or {}}
        try:
            self._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body)
        except AirflowRefusedError as error:
            if error.status != requests.codes.conflict:
                raise
        return self.run(dag_id, run_id)

    def run(self, dag_id: str, run_id: str) -> Run:
        """The current state of a run."""
        return _run(self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}"))

    def unfinished_runs(self, dag_id: str) -> list[Run]:
        """The DAG's runs that are queued or running, oldest first."""
        query: dict[str, Any] = {"state": list(UNFINISHED), "order_by": "run_after", "limit": 100}
        return [_run(each) for each in self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns", params=query)["dag_runs"]]

    def task_states(self, run: Run) -> dict[str, str]:
        """The state of each of the run's tasks; empty for one that has not begun."""
        path = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances"
        found = self._call("GET", path, params={"limit": 100})["task_instances"]
        return {each["task_id"]: each["state"] or "" for each in found}

    def question(self, run: Run, task_id: str) -> str:
        """What the task asks a person."""
        return str(self._call("GET", self._question_path(run, task_id))["body"])

    def answer(self, run: Run, task_id: str, option: str) -> None:
        """Answers the task's question; no change where somebody else has answered."""
        try:
            self._call("PATCH", self._question_path(run, task_id), json={"chosen_options": [option]})
        except AirflowRefusedError as error:
            if error.status != requests.codes.conflict:
                raise

    def _question_path(self, run: Run, task_id: str) -> str:
        # -1: the task is not mapped.
        return f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task_id}/-1/hitlDetails"

    def result(self, run: Run, task_id: str) -> Any:
        """What the task returned."""
        path = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        return self._call("GET", path)["value"]

    def failed_tasks(self, run: Run, log_lines: int = 10) -> list[FailedTask]:
        """The run's failed task instances, each with the last lines of its log."""
        path = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances"
        found = self._call("GET", path, params={"limit": 100})["task_instances"]
        return [
            FailedTask(
                run.dag_id,
                each["task_id"],
                each["try_number"],
                self._log_tail(f"{path}/{each['task_id']}/logs/{each['try_number']}", log_lines),
            )
            for each in found
            if each["state"] == "failed"
        ]

    def _log_tail(self, path: str, lines: int) -> list[str]:
        try:
            answer = self._call("GET", path, params={"full_content": "true"}, headers={"Accept": "application/json"})
        except AirflowError as error:  # a missing log must not hide the task's failure
            return [f"(no log: {error})"]
        events = [_log_line(each) for each in answer["content"]]
        return [event for event in events if event.strip() and not event.startswith("::")][-lines:]

    def _call(self, method: str, path: str, **request: Any) -> Any:
        """The decoded answer. Raises AirflowAwayError or AirflowRefusedError."""
        return self._retrying(self._call_once, method, path, request)

    def _call_once(self, method: str, path: str, request: dict[str, Any]) -> Any:
        token_was_old = self._token is not None
        answer = self._send_with_token(method, path, request)
        if answer.status_code == requests.codes.unauthorized and token_was_old:
            self._token = None
            answer = self._send_with_token(method, path, request)
        return _checked(answer, f"{method} {path}").json()

    def _send_with_token(self, method: str, path: str, request: dict[str, Any]) -> requests.Response:
        if self._token is None:
            self._token = self._log_in()
        headers = {"Authorization": f"Bearer {self._token}", **request.get("headers", {})}
        return self._send(method, path, {**request, "headers": headers})

    def _send(self, method: str, path: str, request: dict[str, Any]) -> requests.Response:
        send: Callable[..., requests.Response] = self._session.request
        try:
            return send(method, self._base_url + path, timeout=REQUEST_TIMEOUT_S, **request)
        except (requests.ConnectionError, requests.Timeout) as error:
            raise AirflowAwayError(f"Airflow does not answer at {self._base_url}: {type(error).__name__}") from error

    def _log_in(self) -> str:
        user, password = self._login_file.read_text(encoding="utf-8").splitlines()[:2]
        answer = self._send("POST", "/auth/token", {"json": {"username": user, "password": password}})
        return str(_checked(answer, f"log in with {self._login_file}").json()["access_token"])


def _checked(answer: requests.Response, what: str) -> requests.Response:
    if answer.status_code >= requests.codes.internal_server_error:
        raise AirflowAwayError(f"Airflow answered {what} with {answer.status_code}")
    if answer.status_code >= requests.codes.bad_request:
        raise AirflowRefusedError(answer.status_code, f"Airflow refused {what}: {answer.status_code} {_detail(answer)}")
    return answer


def _detail(answer: requests.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:200]


def _run(answer: dict[str, Any]) -> Run:
    return Run(answer["dag_id"], answer["dag_run_id"], answer["state"])


def _log_line(event: dict[str, Any] | str) -> str:
    """A line of a task's log, with the exception's message, which Airflow stores separately."""
    if isinstance(event, str):
        return event
    raised = [each["exc_value"] for each in event.get("error_detail") or () if each.get("exc_value")]
    return ": ".join([event["event"], *raised[:1]])


def _last_line(trace: str) -> str:
    return (trace.strip().splitlines() or ["no trace"])[-1]
