"""report_hashtags: the report of a day: every day, in backfills, and on request."""

from datetime import UTC, datetime, timedelta

from airflow.providers.standard.sensors.date_time import DateTimeSensorAsync
from airflow.sdk import DAG, Asset, CronDataIntervalTimetable
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from contract import names
from hashtide_airflow import settings
from hashtide_airflow.alerts import report_is_late
from hashtide_airflow.commands import report_command
from hashtide_airflow.operators.job import JobOperator
from hashtide_airflow.report_request import PARAMS, request_of

DOC = """
### The day's hashtags: Postgres → HTML and CSV

Made for each UTC day, 30 minutes after its end, so that late posts are included. The report opens with **how complete
the day is**, followed by the top hashtags with share, change of rank and hours. It is kept in Postgres and as files in
the reports directory (variable `hashtide_reports_dir`; the log's last line has the paths).

- **By hand:** Trigger, choose a day (empty means today so far), how many hashtags, a source, a language.
- **Again:** clear the run, or request the same day. The same counts give the same bytes; if late posts have arrived, a
  new revision is kept beside the old one.
- **Past days:** a backfill (`airflow backfill create --dag-id report_hashtags --from-date … --to-date …`).

A report that is still missing an hour later is **late**; a line in the triggerer's log says so.

The form accepts a date, a number from 1 to 1000, a known source and a language tag, and refuses anything else.
"""

GRACE = timedelta(minutes=30)

with DAG(
    names.REPORT_DAG,
    description="The report of a UTC day: how complete it is, and its top hashtags.",
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=4,
    params=PARAMS,
    # From when the run is made, not from the day itself: a backfill is not late.
    deadline=DeadlineAlert(
        DeadlineReference.DAGRUN_QUEUED_AT, GRACE + timedelta(hours=1), AsyncCallback(report_is_late)
    ),
    render_template_as_native_obj=False,
    user_defined_macros={"GRACE": GRACE},
    default_args={"owner": "hashtide"},
    tags=["hashtide", "report"],
    doc_md=DOC,
) as dag:
    grace = DateTimeSensorAsync(
        task_id="wait_for_late_posts",
        # A manual run does not wait.
        target_time="{{ dag_run.run_after if dag_run.run_type == 'manual' else dag_run.data_interval_end + GRACE }}",
        doc_md="30 minutes after the day's end; at once for a past day or a manual run.",
    )
    report = JobOperator(
        task_id="report",
        command=lambda context: report_command(request_of(context), settings.reports_dir()),
        secrets={names.REPORTER_DSN: names.REPORTER},
        inlets=[Asset("counts", uri="hashtide://postgres/counts")],
        outlets=[Asset("report", uri="hashtide://reports/hashtags")],
        retries=3,
        retry_delay=timedelta(seconds=15),
        retry_exponential_backoff=True,
        max_retry_delay=timedelta(minutes=5),
        execution_timeout=timedelta(minutes=15),
        doc_md="Runs `jobs/report.py` as requested; wrong values are refused and not retried.",
    )
    grace >> report
