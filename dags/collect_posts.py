"""collect_posts: the collector always runs; each run of the DAG supervises it for a while."""

from airflow.sdk import DAG, Asset

from contract import names
from hashtide_airflow.collect_request import PARAMS
from hashtide_airflow.operators.collect import SuperviseCollector
from hashtide_airflow.supervision_dag import DAG_ARGS, TASK_ARGS

DOC = """
### Posts come in: source → spool → topic `posts`

A **collector** always runs on this host, as a process outside of this DAG. Each run **supervises** it for 30 minutes
(variable `hashtide_supervision_min`): it attaches to the collector or starts it, watches it without taking a worker
slot, and hands over to the next run. A purple (deferred) task is normal.

**What it reads** is in the variable `hashtide_source`: one address, for example `jetstream`, `x:terms=rain+snow` or
`file:/data/posts.jsonl.gz`, or a JSON list of several. In the stack and in the containers `up` and
`hashtide watch --source` write it to a file, which overrides a variable made in this UI. When it changes, the old
collector is stopped within five seconds and the new one started. A source with an end (a file) is read once; then the
run waits for another.

**Something else for a while:** trigger with the form. The present run hands over at once. The new run collects what the
form names (a source, or a selection of the usual one) until the limit, the minutes or the file's end is reached, or
for one run if neither is given; the next run returns to `hashtide_source`. The limit counts over the address's life:
the same form resumes from there. An address that the collector refuses fails the run, and the usual collector
resumes. Keys that send a token elsewhere or spend money (`url`, `proxy`, budgets) are for the variable only: an `x:`
address gets the usual one's budget, or is refused. A file must be below the folder of the variable
`hashtide_forms_dir`. A limit is for one source: if the usual ones are several, name it.

| you do | what happens |
| --- | --- |
| pause the DAG | nothing new is started; the collector and the present run continue |
| mark the task or the run **failed** | the collector **stops** cleanly; if not paused, the next run starts it anew |
| mark as success, or delete the run | this run ends; the collector keeps running, the next run attaches |
| clear the task | the new try attaches; the collector keeps running |
| trigger by hand | the present run hands over; the new one collects what the form names, or supervises like any other |

**To stop collecting for good:** pause, then mark the running task failed.

**Red?** The log names the collector's last line. It was restarted after 10, 20, 40 … at most 300 seconds; a run turns
red only if no collector is running when it ends. The collector's output is in the spool's `collector.log`. Tokens:
connections `hashtide_x` (password) and `hashtide_mastodon` (extra: server → token).
"""

with DAG(
    names.COLLECT_DAG,
    description="The collector: source → spool → topic. Each run supervises it for a while.",
    params=PARAMS,
    doc_md=DOC,
    **DAG_ARGS,
) as dag:
    SuperviseCollector(
        task_id="collect",
        outlets=[Asset("posts", uri="hashtide://topic/posts")],
        doc_md="Attaches to the spool's collector, or starts it; replaces it when `hashtide_source` has changed.",
        **TASK_ARGS,
    )
