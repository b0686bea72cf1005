"""explore_counts: a look at what is counted, by hand, for a while; it touches no books."""

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from hashtide_airflow import kafka_file, settings
from hashtide_airflow.commands import PREVIEW_ENVIRONMENT, preview_command
from hashtide_airflow.operators.job import JobOperator
from hashtide_airflow.preview_request import PARAMS, request_of

DOC = """
### A look at the posts: source → counts in the task's log

**Trigger it and open the task's log:** for as many seconds as asked for, the top hashtags, words or authors are shown
there, most first. It counts for itself, in a process of this task, and writes to no books: the streaming job and the
counts in Postgres don't notice.

| mode | each table shows |
| --- | --- |
| batch | what came since the last one |
| totals | all since the look began |
| window | the last windows: `window_s` seconds, a new one every `slide_s` |

| source | what is read |
| --- | --- |
| `kafka` | our topic of posts |
| `tcp:HOST:PORT` | a line server, such as `jobs/serve_lines.py` |
| `file:/PATH` | a file of posts, or a folder of them, below the folder of the variable `hashtide_forms_dir` |

Marking the task failed, or clearing it, ends the process with all of its children. It takes a worker slot and about
1 GB while it looks; one run at a time.
"""

with DAG(
    "explore_counts",
    description="A look at hashtags, words or authors as they come; writes nothing.",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    params=PARAMS,
    default_args={"owner": "hashtide"},
    tags=["hashtide", "look"],
    doc_md=DOC,
) as dag:
    JobOperator(
        task_id="explore",
        command=lambda context: preview_command(request_of(context), *settings.kafka(), kafka_file.for_readers()),
        secrets={},
        environment=PREVIEW_ENVIRONMENT,
        has_result=False,
        # A look that failed is looked at, not repeated.
        retries=0,
        # The longest look and a start on a busy machine.
        execution_timeout=timedelta(minutes=70),
        doc_md="Runs `jobs/count.py --mode …` on this worker (`local[2]`) for what was asked.",
    )
