"""count_posts: the streaming job always runs on YARN; each run of the DAG supervises it for a while."""

from airflow.sdk import DAG, Asset

from contract import names
from hashtide_airflow.operators.count import SuperviseStream
from hashtide_airflow.supervision_dag import DAG_ARGS, TASK_ARGS

DOC = """
### Posts are counted: topic `posts` → streaming job → count log

One Spark application on YARN counts all the time, outside of this DAG. Each run **supervises** it for 30 minutes
(variable `hashtide_supervision_min`): it finds the application by its tag `hashtide-count-g…` or submits it, watches
it without taking a worker slot, and hands over to the next run. A purple (deferred) task is normal. The log has the
link to the application's page.

| you do | what happens |
| --- | --- |
| pause the DAG | nothing new is submitted; the application and the present run continue |
| mark the task or the run **failed** | it **stops** after its batch; if not paused, the next run submits it anew |
| mark as success, or delete the run | this run ends; the application keeps running, the next run attaches |
| clear the task | the new try attaches; the application keeps running |
| trigger by hand | the run waits for its turn, then supervises like any other |

**To stop counting for good:** pause, then mark the running task failed. Nothing is lost: the next start resumes from
the checkpoint, and new posts wait in the topic.

**YARN does not answer?** The run waits and submits nothing: unknown is not gone. **The application fails?** YARN
restarts its driver; when YARN gives up, the run submits again after 10, 20, 40 … at most 300 seconds, by YARN's own
record of failures. A run turns red only if no application is running when it ends; its log says why.

Variables, read at a submit: `hashtide_generation`, `hashtide_trigger_interval_s`, `hashtide_retweets` (full, own),
`hashtide_words` (plain, clean); the last two can't change within a generation.
"""

with DAG(
    names.COUNT_DAG,
    description="The streaming job on YARN: topic → count log. Each run supervises it for a while.",
    doc_md=DOC,
    **DAG_ARGS,
) as dag:
    SuperviseStream(
        task_id="count",
        inlets=[Asset("posts", uri="hashtide://topic/posts")],
        doc_md="Finds the streaming job by its YARN tag, or submits it; never twice.",
        **TASK_ARGS,
    )
