"""The steps of a recount that Airflow takes itself: which generation counts, and waiting until it has counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, BaseSensorOperator

from contract import names
from hashtide_airflow import settings
from hashtide_airflow.commands import recount_step_command
from hashtide_airflow.hooks.process import ProcessHook, environment
from hashtide_airflow.operators.job import result_of, run_job
from hashtide_airflow.stopping import stop_stream

if TYPE_CHECKING:
    from airflow.sdk import Context

BEGIN = "begin"
"""The task whose result is `{"generation": …, "previous": …}`."""


def begun(context: Context) -> int:
    """The generation that this run's recount counts into."""
    return int(context["ti"].xcom_pull(task_ids=BEGIN)["generation"])


class CountInto(BaseOperator):
    """Makes the recount's generation the one that counts, and asks the jobs of those before it to stop.

    In this order: `count_posts` submits no job of a generation that the variable no longer names. May be repeated.
    """

    def execute(self, context: Context) -> None:
        """Sets the variable, then stops."""
        generation = begun(context)
        settings.set_generation(generation)
        self.log.info("%s is %d", names.GENERATION.name, generation)
        for earlier in range(names.FIRST_GENERATION, generation):
            if stopped := stop_stream(earlier, lambda _: True):
                self.log.info("generation %d: %s", earlier, stopped)


class WaitForRecount(BaseSensorOperator):
    """Waits until the recount has compacted all that the topic held when it began; a line at each look.

    A worker slot is taken only for a look.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"mode": "reschedule", **kwargs})
        self.process = ProcessHook()

    def poke(self, context: Context) -> bool:
        """Asks the job."""
        secrets = {names.COMPACTOR_DSN: settings.dsn(names.COMPACTOR)}
        command = recount_step_command("progress", begun(context))
        found = result_of(run_job(self.process, command, environment(**secrets)))
        self.log.info(
            "generation %d is compacted up to %s of %s offsets",
            *(found["generation"], f"{found['counted']:,}", f"{found['of']:,}"),
        )
        return bool(found["done"])

    def on_kill(self) -> None:
        """Ends the job's whole process group."""
        self.process.end()
