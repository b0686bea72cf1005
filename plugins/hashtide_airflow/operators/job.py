"""Runs one of `jobs/*.py` to its end and returns its result."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from hashtide_airflow import settings
from hashtide_airflow.hooks.process import ProcessHook, environment

if TYPE_CHECKING:
    from airflow.sdk import Context

WRONG_ARGUMENTS = 2


class JobOperator(BaseOperator):
    """One job, one process, a list of arguments; never a shell.

    Returns:
        The JSON object in the job's last line (an XCom), where it has a result.

    Args:
        command: makes the list of arguments from the task's context, when the task runs.
        secrets: environment variable → connection, whose connection string it gets. Secrets travel no other way.
        environment: more of the job's environment, nothing secret.
        has_result: whether the job's last line is a JSON object; otherwise its output is only in the log.
        is_nothing_new: true for a result that means nothing was done; the task is then skipped and its assets are not
            updated. None: never.

    Raises:
        AirflowFailException: wrong arguments (status 2): no retry can help.
        AirflowException: the job failed; its last line says why.
    """

    def __init__(
        self,
        *,
        command: Callable[[Context], list[str]],
        secrets: Mapping[str, str],
        environment: Mapping[str, str] | None = None,
        has_result: bool = True,
        is_nothing_new: Callable[[dict[str, Any]], bool] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.command = command
        self.secrets = secrets
        self.environment = dict(environment or {})
        self.has_result = has_result
        self.is_nothing_new = is_nothing_new
        self.process = ProcessHook()

    def execute(self, context: Context) -> dict[str, Any] | None:
        """Runs the job."""
        command = self.command(context)
        secrets = {name: settings.dsn(connection) for name, connection in self.secrets.items()}
        line = run_job(self.process, command, environment(**self.environment, **secrets))
        if not self.has_result:
            return None
        result = result_of(line)
        if self.is_nothing_new and self.is_nothing_new(result):
            raise AirflowSkipException(f"nothing new: {line}")
        return result

    def on_kill(self) -> None:
        """Ends the job's whole process group: the task was ended or timed out."""
        self.process.end()


def run_job(process: ProcessHook, command: list[str], env: dict[str, str]) -> str:
    """Runs a job to its end; its last line.

    Raises:
        AirflowFailException, AirflowException: as `JobOperator`.
    """
    done = process.run_command(command, env=env)
    status, line = done.exit_code, str(done.output)
    if status == WRONG_ARGUMENTS:
        raise AirflowFailException(f"wrong arguments: {line}")
    if status != 0:
        raise AirflowException(f"ended with status {status}: {line}")
    return line


def result_of(line: str) -> dict[str, Any]:
    """Parses the job's last line.

    Raises:
        AirflowException: the line is not a JSON object.
    """
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise AirflowException(f"the job's last line is not a JSON object: {line[:200]!r}")
    return found
