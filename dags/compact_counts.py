"""compact_counts: moves the streaming job's committed batches into Postgres every two minutes."""

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Asset, CronDataIntervalTimetable

from contract import names
from hashtide_airflow import settings
from hashtide_airflow.commands import compact_command
from hashtide_airflow.operators.job import JobOperator

DOC = """
### Counts become rows: count log → Postgres

Every two minutes all newly committed batches of the streaming job are written to Postgres, each chunk in **one
transaction**: counts, ledger, dead letters and position, or nothing. It can be killed at any moment and run again at
any time: a batch that is in the ledger is not written twice.

**Pink (skipped) means nothing new.** Triggering by hand compacts now. While the DAG is paused the count log grows; the
next run catches up. A run is retried three times before it turns red; the log's last line says why.
"""

with DAG(
    names.COMPACT_DAG,
    description="Count log → Postgres, exactly once.",
    schedule=CronDataIntervalTimetable("*/2 * * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"owner": "hashtide"},
    tags=["hashtide", "books"],
    doc_md=DOC,
) as dag:
    JobOperator(
        task_id="compact",
        command=lambda _: [
            *compact_command(settings.count_log(), settings.generation()),
            *("--spool", str(settings.spool_dir())),
        ],
        secrets={names.COMPACTOR_DSN: names.COMPACTOR},
        is_nothing_new=lambda done: done["batches"] == 0,
        inlets=[Asset("posts", uri="hashtide://topic/posts")],
        outlets=[Asset("counts", uri="hashtide://postgres/counts")],
        retries=3,
        retry_delay=timedelta(seconds=10),
        retry_exponential_backoff=True,
        max_retry_delay=timedelta(minutes=2),
        execution_timeout=timedelta(minutes=20),
        doc_md="Runs `jobs/compact.py` over all committed batches that are not in the ledger yet.",
    )
