"""explore_counts: a preview of the counts, started by hand, for a while; it writes nothing to Postgres."""

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from contract import names
from hashtide_airflow import kafka_file, settings
from hashtide_airflow.commands import PREVIEW_ENVIRONMENT, preview_command
from hashtide_airflow.operators.job import JobOperator
from hashtide_airflow.preview_request import PARAMS, request_of

DOC = """
### A preview: source → counts in the task's log

**Trigger it and open the task's log:** for the chosen number of seconds it shows the top hashtags, words or authors,
most first. It counts in a process of its own and writes nothing to Postgres, so the streaming job and its counts are
not affected.

| mode | each table shows |
| --- | --- |
| batch | the posts since the previous table |
| totals | all posts since the preview began |
| window | the last windows: `window_s` seconds, a new one every `slide_s` |

| source | what is read |
| --- | --- |
| `kafka` | our topic of posts |
| `tcp:HOST:PORT` | a line server, such as `jobs/serve_lines.py` |
| `file:/PATH` | a file of posts, or a folder of them, below the folder of the variable `hashtide_forms_dir` |

Marking the task failed or clearing it ends the process and its children. A preview takes a worker slot and about 1 GB
of memory; one runs at a time.
"""

with DAG(
    names.PREVIEW_DAG,
    description="A preview of hashtags, words or authors as they come in; writes nothing.",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    params=PARAMS,
    default_args={"owner": "hashtide"},
    tags=["hashtide", "preview"],
    doc_md=DOC,
) as dag:
    JobOperator(
        task_id="explore",
        command=lambda context: preview_command(request_of(context), *settings.kafka(), kafka_file.for_readers()),
        secrets={},
        environment=PREVIEW_ENVIRONMENT,
        has_result=False,
        # A failed preview is not repeated.
        retries=0,
        # The longest preview, plus a start on a busy machine.
        execution_timeout=timedelta(minutes=70),
        doc_md="Runs `jobs/preview.py` on this worker (`local[2]`) as requested.",
    )
