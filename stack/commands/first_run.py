"""What `up` does once every service is healthy: start the flow of data and wait for the first result.

It sets the source, unpauses Airflow's DAGs, waits for the first counts, triggers the first report and shows where
everything is. With `until_done` it waits until a finite source is counted completely, then audits the books. Airflow
does the work.
"""

import time
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import psycopg2
from kafka.errors import KafkaError

from contract.names import COLLECT_DAG, COMPACT_DAG, COUNT_DAG, REPORT_DAG, SOURCE
from contract.source_address import SourceAddress, shown, stored
from stack.commands.airflow_api import AirflowApi, AirflowError, Run
from stack.config.endpoints import Endpoints
from stack.config.errors import StackError
from stack.config.hints import Hints
from stack.config.source_address import FIRST, absolute, finite
from stack.config.variables import chosen_source, generation_of, read_variables, set_variable
from stack.observe.audit import Books, close_the_books
from stack.observe.counts_db import busiest_day, top_hashtags
from stack.observe.progress import Steps
from stack.observe.stages import Snapshot, Stages, shown_source
from stack.observe.summary import books_table, simulated_note, summary
from stack.observe.topic_recount import TopicError
from stack.observe.watch import Watch, describe

DAGS = (COLLECT_DAG, COUNT_DAG, COMPACT_DAG, REPORT_DAG)
POLL_INTERVAL_S = 1.0
PARSED_WITHIN_S = 180.0
RUN_WITHIN_S = 1800.0
COMPACT_EVERY_S = 60.0
"""Between two compactions while a finite source is still being collected."""
TOP = 10


@dataclass(frozen=True)
class Options:
    """Options of one `up`.

    Attributes:
        source: what to collect, see docs/contracts.md; empty keeps the current sources.
        until_done: return when the source has ended and its last record is compacted and reported.
        timeout_s: limit for the first counts; not with until_done, whose source may be long.
        stall_timeout_s: give up when no stage has made progress for this long.
        started_at: when the command began, by time.monotonic(); the seconds shown count from there.
        hints: what messages tell a person to do; None: those of `./hashtide`.
    """

    source: tuple[SourceAddress, ...]
    until_done: bool = False
    timeout_s: float = 900.0
    stall_timeout_s: float = 300.0
    started_at: float = field(default_factory=time.monotonic)
    hints: Hints | None = None


def run(endpoints: Endpoints, options: Options, report: Steps) -> int:
    """Runs it. Returns 0 if everything asked for is there, else 1 after a line that says why."""
    hints = options.hints or Hints(endpoints)
    try:
        return _FirstRun(endpoints, options, hints, report).run()
    except (StackError, AirflowError, TopicError) as error:
        report.say(f"✗ {error}")
    except psycopg2.Error as error:
        report.say(f"✗ Postgres: {_first_line(str(error))}; see {hints.logs('postgres')}")
    except KafkaError as error:
        report.say(f"✗ Kafka: {_first_line(str(error))}; see {hints.logs('kafka')}")
    return 1


class _FirstRun:
    def __init__(self, endpoints: Endpoints, options: Options, hints: Hints, report: Steps) -> None:
        self._endpoints = endpoints
        self._options = options
        self._hints = hints
        self._report = report
        self._api = AirflowApi(endpoints.airflow_url, endpoints.admin_login_file)
        variables = read_variables(endpoints.variables_file)
        self._source = options.source or chosen_source(endpoints.variables_file) or FIRST
        self._stages = Stages(endpoints, generation_of(variables))
        self._began_at_s = time.time()
        self._compacted_at = time.monotonic()
        self._first_counts_s: float | None = None

    def run(self) -> int:
        self._choose_source()
        self._start_dags()
        newest = self._stages.newest_batch()
        self._flow(newest_before=-1 if newest is None else newest)
        day = self._report_a_day()
        if day is None:
            self._report.say("Nothing was counted: the source held no post.")
        else:
            self._say_what_is_there(day)
        return self._close_books() if self._options.until_done else 0

    def _choose_source(self) -> None:
        self._source = absolute(self._source)
        if self._options.until_done:
            bounded = finite(self._source)
            if bounded != self._source:
                self._report.say(f"{shown(self._source)} never ends; with --until-done it is {shown(bounded)}")
                self._source = bounded
        # collect_posts sees the change and replaces a collector that works on another source.
        if chosen_source(self._endpoints.variables_file) != self._source:
            set_variable(self._endpoints.variables_file, SOURCE.name, stored(self._source))

    def _start_dags(self) -> None:
        step = "DAGs parsed, not paused"
        self._report.started(step)
        missing = list(DAGS)
        deadline = time.monotonic() + PARSED_WITHIN_S
        while missing:
            missing = [dag_id for dag_id in missing if not self._api.unpause(dag_id)]
            if missing and time.monotonic() > deadline:
                errors = "; ".join(self._api.import_errors()) or "no import errors"
                raise StackError(
                    f"Airflow has not parsed {', '.join(missing)} in {PARSED_WITHIN_S:.0f} s ({errors});"
                    f" see {self._hints.logs('airflow-dag-processor')}"
                )
            if missing:
                self._report.detail(step, f"waiting for {', '.join(missing)}")
                time.sleep(POLL_INTERVAL_S)
        self._report.done(step)

    def _flow(self, newest_before: int) -> None:
        """Waits until what was asked for is in Postgres, triggering compactions meanwhile.

        Batches that were committed before, compacted or not, do not count as this run's first counts.
        """
        until_done = self._options.until_done
        step = "everything counted" if until_done else "first counts"
        self._report.started(step)
        watch = Watch(self._source, self._began_at_s, self._options.stall_timeout_s, self._hints)
        deadline = time.monotonic() + self._options.timeout_s
        while True:
            now = self._stages.snapshot()
            self._report.detail(step, describe(now))
            has_counts = now.ledger is not None and now.ledger.last_batch > newest_before
            if has_counts:
                self._note_first_counts()
            if self._is_done(now) or (has_counts and not until_done):
                break
            watch.check(now)
            if not until_done and time.monotonic() > deadline:
                raise StackError(
                    f"no counts in {self._options.timeout_s:.0f} s ({describe(now)}); see {self._hints.status}"
                )
            if self._has_more_to_compact(now):
                self._run_dag(COMPACT_DAG)
            else:
                time.sleep(POLL_INTERVAL_S)
        self._note_first_counts()
        self._report.done(step, describe(now))
        if now.collector and shown_source(now.collector) != shown(now.collector.sources):
            self._report.say(f"Collecting from {shown_source(now.collector)}.")

    def _is_done(self, now: Snapshot) -> bool:
        """Whether the source has ended, and all its posts are in the topic and all of the topic in Postgres."""
        collector = now.collector
        if collector is None or collector.status != "finished" or collector.sources != self._source:
            return False
        ends = self._stages.end_offsets()
        return ends is not None and now.ledger is not None and now.ledger.covers(ends)

    def _has_more_to_compact(self, now: Snapshot) -> bool:
        if now.newest_batch is None or now.ledger is None or now.newest_batch <= now.ledger.last_batch:
            return False
        finished = now.collector is not None and now.collector.status == "finished"
        waited_for = finished or not self._options.until_done or self._first_counts_s is None
        return waited_for or time.monotonic() - self._compacted_at > COMPACT_EVERY_S

    def _note_first_counts(self) -> None:
        if self._first_counts_s is None:
            self._first_counts_s = time.monotonic() - self._options.started_at

    def _report_a_day(self) -> date | None:
        day = busiest_day(self._endpoints.reader_dsn_file, self._stages.generation)
        if day is not None:
            step = f"report of {day}"
            self._report.started(step)
            self._run_dag(REPORT_DAG, {"day": day.isoformat()})
            self._report.done(step)
        return day

    def _run_dag(self, dag_id: str, conf: dict[str, Any] | None = None) -> None:
        """Triggers one run and waits for its end, after the end of unfinished runs: never two at once.

        Raises:
            StackError: it failed; the message has the task and the end of its log.
        """
        for other in self._api.unfinished_runs(dag_id):
            self._wait_for(other)
        finished = self._wait_for(self._api.trigger(dag_id, conf))
        if dag_id == COMPACT_DAG:
            self._compacted_at = time.monotonic()
        if finished.state == "success":
            return
        failed = self._api.failed_tasks(finished)
        what = "; ".join(f"task {each.task_id}: {each.why}" for each in failed) or "no task ran"
        raise StackError(
            f"{dag_id} failed, {what}; the whole log is at {self._hints.airflow_url}"
            f"/dags/{dag_id}/runs/{finished.run_id}, the scheduler's in {self._hints.logs('airflow-scheduler')}"
        )

    def _wait_for(self, run: Run) -> Run:
        deadline = time.monotonic() + RUN_WITHIN_S
        while not run.finished:
            if time.monotonic() > deadline:
                raise StackError(
                    f"{run.dag_id} is {run.state} since {RUN_WITHIN_S:.0f} s;"
                    f" see {self._hints.logs('airflow-scheduler')}"
                )
            time.sleep(POLL_INTERVAL_S / 2)
            run = self._api.run(run.dag_id, run.run_id)
        return run

    def _say_what_is_there(self, day: date) -> None:
        hashtags = top_hashtags(self._endpoints.reader_dsn_file, self._stages.generation, day, TOP)
        note = simulated_note(self._stages.collector())
        self._report.console.print(summary(day, hashtags, self._hints, self._first_counts_s or 0.0, note))

    def _close_books(self) -> int:
        step = "recount of the topic"
        self._report.started(step)
        books = self._books()
        self._report.done(step)
        self._report.console.print(books_table(books))
        problems = books.problems()
        for problem in problems:
            self._report.say(f"✗ {problem}")
        return 1 if problems else 0

    def _books(self) -> Books:
        collector = self._stages.collector()
        if collector is None:
            raise StackError(f"the collector's {self._endpoints.spool_dir / 'state.json'} can't be read")
        return close_the_books(self._endpoints, self._stages.generation, collector.lines_read)


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or ["no message"])[0]
