"""collect_posts: the collector runs, always; each run of the DAG is a lease on it."""

from airflow.sdk import DAG, Asset

from contract import names
from hashtide_airflow.collect_request import PARAMS
from hashtide_airflow.operators.collect import SuperviseCollector
from hashtide_airflow.supervision_dag import DAG_ARGS, TASK_ARGS

DOC = """
### Posts come in: source → spool → topic `posts`

A **collector** runs on this host, all the time, as a process of its own. This DAG does not contain it; each run is a
**lease** (30 minutes, variable `hashtide_supervision_min`): it attaches to the collector or starts it, watches it
without taking a worker slot, and hands over to the next run. A purple (deferred) task is the normal sight.

**What it reads** stands in the variable `hashtide_source` (in the stack and in the containers a file, which `up` and
`hashtide watch --source` write and which goes before one made in this UI), for example `jetstream`,
`x:terms=rain+snow` or `file:/data/posts.jsonl.gz`; several have white space between. Change it and within five seconds
the old collector is stopped cleanly and the new one started. A source that has an end (a file) is read once; then the
lease waits for another.

**For a while, something else:** trigger with the form. The present lease hands over at once; the run collects what the
form says (a source, or a selection of the usual one) until the limit, the minutes or the file's end are reached, for
one lease at most where neither is given. Then the next lease goes back to `hashtide_source`. The limit counts over the
address's life: the same form again goes on from there. An address that the collector refuses fails the run, and the
usual collector goes on. Keys that send a token elsewhere or spend money (`url`, `proxy`, budgets) are for the
variable only: an `x:` address has the usual one's budget, or is refused. A file lies below the folder of the variable
`hashtide_forms_dir`. A limit is for one source: where the usual ones are several, name it.

| you do | what happens |
| --- | --- |
| pause the DAG | nothing new is started; the collector and the present lease go on |
| mark the task or the run **failed** | it is **stopped**, cleanly; if not paused, the next run starts it anew |
| mark as success, or delete the run | this lease ends; the collector goes on, the next run attaches |
| clear the task | the new try attaches; the collector goes on |
| trigger by hand | the present lease hands over; the run collects what the form says, or is a lease like any other |

**To stop collecting for good:** pause, then mark the running task failed.

**Red?** The log names the collector's last line. It was started again after 10, 20, 40 … at most 300 seconds; a run
turns red only when at its end there was no collector to hand over. All that it printed is in the spool's
`collector.log`. Tokens: connections `hashtide_x` (password) and `hashtide_mastodon` (extra: server → token).
"""

with DAG(
    names.COLLECT_DAG,
    description="The collector: source → spool → topic. Each run is a lease on it.",
    params=PARAMS,
    doc_md=DOC,
    **DAG_ARGS,
) as dag:
    SuperviseCollector(
        task_id="collect",
        outlets=[Asset("posts", uri="hashtide://topic/posts")],
        doc_md="Attaches to the spool's collector, or starts it; replaces it where `hashtide_source` has changed.",
        **TASK_ARGS,
    )
