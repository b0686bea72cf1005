"""Supervises the streaming job: found on YARN by its tag before any submit, so it is never started twice."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import psycopg2
from airflow.sdk.exceptions import AirflowException

from contract import names
from contract.files import FileLock, LockHeld
from contract.hadoop_rest import Unreachable
from hashtide_airflow import kafka_file, settings
from hashtide_airflow.archive import zip_packages
from hashtide_airflow.backoff import restart_delay_s
from hashtide_airflow.commands import submit_command
from hashtide_airflow.hooks.hdfs import StopMarker
from hashtide_airflow.hooks.process import ProcessHook, environment
from hashtide_airflow.hooks.yarn import Application, YarnHook, failures_in_a_row
from hashtide_airflow.operators.supervise import SuperviseOperator, is_marked_failed
from hashtide_airflow.stopping import submit_lock
from hashtide_airflow.triggers.application import ApplicationTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

BUSY_S = 15.0  # wait while another process submits


class SuperviseStream(SuperviseOperator):
    """Attaches to the generation's application, or submits it.

    YARN remembers how often the job failed in a row and how long ago, so the delay between two submits holds across
    runs, clears and restarts of Airflow.
    """

    submitting: ProcessHook | None = None

    def turn(self, context: Context, ends_at: datetime, **_: Any) -> NoReturn:
        """Asks YARN; attaches, waits or submits; then watches."""
        generation = settings.generation()
        not_before = None
        try:
            not_before = self._start(context, generation)
        except Unreachable as error:
            self.log.warning("asking YARN failed: %s; nothing is submitted until it answers", error)
        due = not_before.isoformat() if not_before else None
        self.wait(ApplicationTrigger(generation, ends_at.isoformat(), due), ends_at)

    def on_kill(self) -> None:
        """Ends a running submit with its whole process group."""
        super().on_kill()
        if self.submitting:
            self.submitting.end()

    def _start(self, context: Context, generation: int) -> datetime | None:
        """Submits if it is time to; otherwise returns when it will be."""
        try:
            lock = FileLock(submit_lock(generation))
        except LockHeld:
            self.log.info("a submit is under way on this host; looking again in %s s", BUSY_S)
            return datetime.now(UTC) + timedelta(seconds=BUSY_S)
        with lock:
            if settings.generation() != generation:  # a recount began meanwhile, and has stopped this one's job
                return datetime.now(UTC)
            # Under the lock, so that a submit by another process is seen.
            found = YarnHook().applications(names.application_tag(generation))
            if found and found[0].active:
                self.log.info("attached to %s (%s) %s", found[0].id, found[0].state, found[0].tracking_url)
                return None
            if (due := due_at(found)) and due > datetime.now(UTC):
                self.log.warning("%s; the next submit is due at %s", found[0].diagnostics, due.isoformat())
                return due
            self._require_countable(generation)
            counting = settings.counting().model_copy(update={"kafka_config": kafka_file.for_readers()})
            self._submit(context, counting, lock.descriptor)
        return None

    def _require_countable(self, generation: int) -> None:
        """Raises WrongGenerationError; without an answer posts are counted, the compaction asks again."""
        try:
            settings.require_countable_generation(generation)
        except psycopg2.OperationalError as error:
            self.log.warning("asking Postgres for the generations failed: %s", " ".join(str(error).split()))

    def _submit(self, context: Context, counting: settings.Counting, lock: int) -> None:
        """Submits once, until YARN has accepted the application.

        Raises:
            AirflowException: spark-submit failed or was ended.
        """
        marker = StopMarker(counting.generation)
        if marker.remove():
            self.log.info("removed the stop marker %s", marker.path)
        with tempfile.TemporaryDirectory(prefix="hashtide-submit-") as folder:
            packages = [settings.JOBS / name for name in settings.STREAMING_PACKAGES]
            py_files = zip_packages(packages, Path(folder) / "counting.zip")
            self.submitting = ProcessHook(keep_open=(lock,))
            status = self.submitting.run_command(submit_command(counting, py_files), env=environment()).exit_code
        if is_marked_failed(context):  # the stop request is older than this submit, so nobody else will stop it
            marker.put()  # YARN may have accepted it already; it then ends after its first batch
        if status != 0:
            raise AirflowException(f"spark-submit ended with status {status}")


def due_at(newest_first: list[Application]) -> datetime | None:
    """When the next submit may be, by the failures before it; None: at once."""
    failures = failures_in_a_row(newest_first)
    if not failures:
        return None
    ended_at = datetime.fromtimestamp(newest_first[0].finished_ms / 1000, UTC)
    return ended_at + timedelta(seconds=restart_delay_s(failures))
