"""collect_posts: the collector runs, always; each run of the DAG is a lease on it."""

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Asset

from hashtide_airflow.operators.collect import CollectLease

DOC = """
### Posts come in: source → spool → topic `posts`

A **collector** runs on this host, all the time, as a process of its own. This DAG does not contain it; each run is a
**lease** (30 minutes, variable `hashtide_lease_min`): it attaches to the collector or starts it, watches it without
taking a worker slot, and hands over to the next run. A purple (deferred) task is the normal sight.

**What it reads** stands in the variable `hashtide_source`, for example `simulator` or `file:/data/posts.jsonl.gz`.
Change it and within five seconds the old collector is stopped cleanly and the new one started. A source that has an
end (a file) is read once; then the lease waits for another.

| you do | what happens |
| --- | --- |
| pause the DAG | nothing new is started; the collector and the present lease go on |
| mark the task or the run **failed** | it is **stopped**, cleanly; if not paused, the next run starts it anew |
| mark as success, or delete the run | this lease ends; the collector goes on, the next run attaches |
| clear the task | the new try attaches; the collector goes on |
| trigger by hand | the run waits for its turn, then is a lease like any other |

**To stop collecting for good:** pause, then mark the running task failed.

**Red?** The log names the collector's last line. It was started again after 10, 20, 40 … at most 300 seconds; a run
turns red only when at its end there was no collector to hand over. All that it printed is in the spool's
`collector.log`.
"""

with DAG(
    "collect_posts",
    description="The collector: source → spool → topic. Each run is a lease on it.",
    schedule="@continuous",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    # No dagrun_timeout: it would end the lease as a person does who wants the stream stopped.
    default_args={"owner": "hashtide"},
    tags=["hashtide", "stream"],
    doc_md=DOC,
) as dag:
    CollectLease(
        task_id="collect",
        outlets=[Asset("posts", uri="hashtide://topic/posts")],
        # For what nobody foresaw; a collector that fails is started again without a retry.
        retries=5,
        retry_delay=timedelta(seconds=15),
        retry_exponential_backoff=True,
        max_retry_delay=timedelta(minutes=5),
        # Bounds a decision (a stop, a start), not the wait.
        execution_timeout=timedelta(minutes=5),
        doc_md="Attaches to the spool's collector, or starts it; replaces it where `hashtide_source` has changed.",
    )
