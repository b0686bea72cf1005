"""recount_posts: counts the topic once more into a new generation, which becomes the current one when it is whole."""

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG

from contract import names
from hashtide_airflow import kafka_file, settings
from hashtide_airflow.commands import recount_command, recount_step_command
from hashtide_airflow.operators.job import JobOperator
from hashtide_airflow.operators.recount import BEGIN, CountInto, WaitForRecount, begun
from hashtide_airflow.recount_request import PARAMS, QUESTION, request_of

DOC = """
### The topic is counted once more: new generation → switch

The way out where counts can't be trusted or have to mean something else: a clock has dropped rows, the checkpoint is
gone, or `hashtide_retweets` or `hashtide_words` was changed.

| step | what happens |
| --- | --- |
| plan | says what would be counted; refuses where the topic no longer has all that the current generation counted |
| approve | a person says yes (in the UI: Required Actions) |
| begin | registers the new generation, with the topic's ends as they are now |
| count_into | sets `hashtide_generation`; the old streaming job is stopped, `count_posts` submits the new one |
| wait | until `compact_counts` has written the new generation up to those ends; its log has the progress |
| switch | reports and pages read the new generation: one transaction, refused while anything is missing |

**Until the switch reports show the old generation's numbers**, which stand still. The new one counts from the topic's
beginning, then goes straight on with new posts. Interrupted anywhere: clear the failed task, or trigger again; a
recount that is under way is continued, never begun twice. Dead letters, gaps and late posts get the recount's time of
arrival. Same from a terminal: `./hashtide recount`. Both fields of the form are for cases that `plan` names.
"""

RETRIES: dict[str, Any] = {"retries": 5, "retry_delay": timedelta(seconds=15), "retry_exponential_backoff": True}
SECRETS = {names.COMPACTOR_DSN: names.COMPACTOR}

with DAG(
    names.RECOUNT_DAG,
    description="Counts the topic once more into a new generation, then switches to it.",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    params=PARAMS,
    default_args={"owner": "hashtide", "max_retry_delay": timedelta(minutes=5)},
    tags=["hashtide", "books"],
    doc_md=DOC,
) as dag:
    plan = JobOperator(
        task_id="plan",
        command=lambda context: recount_command(
            "plan", request_of(context), *settings.kafka(), kafka_file.for_readers()
        ),
        secrets=SECRETS,
        execution_timeout=timedelta(minutes=15),
        doc_md="Runs `jobs/recount.py plan`: changes nothing.",
    )
    approve = ApprovalOperator(
        task_id="approve",
        subject="Count the topic once more?",
        body=QUESTION,
        response_timeout=timedelta(days=7),
        doc_md="Waits for a person; no worker slot is taken.",
    )
    begin = JobOperator(
        task_id=BEGIN,
        command=lambda context: recount_command(
            "begin", request_of(context), *settings.kafka(), kafka_file.for_readers()
        ),
        secrets=SECRETS,
        execution_timeout=timedelta(minutes=15),
        doc_md="Runs `jobs/recount.py begin`: a row in `generation`.",
        **RETRIES,
    )
    count_into = CountInto(
        task_id="count_into",
        execution_timeout=timedelta(minutes=30),
        doc_md="Sets the variable, stops the job of the generation before.",
        **RETRIES,
    )
    wait = WaitForRecount(
        task_id="wait",
        poke_interval=60,
        timeout=timedelta(days=14).total_seconds(),
        doc_md="Looks once a minute.",
        **RETRIES,
    )
    switch = JobOperator(
        task_id="switch",
        command=lambda context: recount_step_command("switch", begun(context)),
        secrets=SECRETS,
        execution_timeout=timedelta(minutes=30),
        doc_md="Runs `jobs/recount.py switch`; its last line has the books of both generations.",
        **RETRIES,
    )
    plan >> approve >> begin >> count_into >> wait >> switch
