"""`./hashtide recount`: starts the DAG `recount_posts`, or follows its run, and asks on the terminal what it asks."""

import time
from collections.abc import Callable
from typing import Any

from contract.names import RECOUNT_DAG
from stack.commands.airflow_api import AirflowApi, AirflowError, Run

ASKS, SWITCH, WAIT = "approve", "switch", "wait"
AWAITING = "awaiting_input"
POLL_INTERVAL_S = 2.0
BOOKS = ("generation", "records", "posts", "control", "dead", "gaps", "duplicates", "unread")


def run(api: AirflowApi, conf: dict[str, Any], agrees: Callable[[str], bool], say: Callable[[str], None]) -> int:
    """Runs a recount to its end, or follows one that is under way.

    Args:
        api: Airflow.
        conf: the DAG's form.
        agrees: whether a person says yes to this question.
        say: shows a line.

    Returns:
        0 after the switch or a no, else 1.
    """
    try:
        return _follow(api, _start(api, conf, say), agrees, say)
    except AirflowError as error:
        say(f"✗ {error}")
        return 1


def _start(api: AirflowApi, conf: dict[str, Any], say: Callable[[str], None]) -> Run:
    if found := api.unfinished_runs(RECOUNT_DAG):
        say(f"following the run {found[0].run_id} of {RECOUNT_DAG}")
        return found[0]
    api.unpause(RECOUNT_DAG)
    return api.trigger(RECOUNT_DAG, conf)


def _follow(api: AirflowApi, current: Run, agrees: Callable[[str], bool], say: Callable[[str], None]) -> int:
    seen: dict[str, str] = {}
    while not current.finished:
        states = {task: _shown(task, state) for task, state in api.task_states(current).items()}
        for task_id, state in states.items():
            if state and state != seen.get(task_id):
                say(f"{task_id:<11} {state.replace('_', ' ')}")
        if states.get(ASKS) == AWAITING and seen.get(ASKS) != AWAITING:
            api.answer(current, ASKS, "Approve" if agrees(api.question(current, ASKS)) else "Reject")
        seen = states
        time.sleep(POLL_INTERVAL_S)
        current = api.run(current.dag_id, current.run_id)
    if current.state != "success":
        for failed in api.failed_tasks(current):
            say(f"✗ {failed.task_id}: {failed.why}")
        return 1
    if api.task_states(current).get(SWITCH) != "success":
        say("Nothing was changed.")
        return 0
    _say_books(api.result(current, SWITCH), say)
    return 0


def _shown(task_id: str, state: str) -> str:
    """The state as a person wants to see it: a task that looks once a minute waits all the time."""
    if task_id == WAIT and state in ("scheduled", "queued", "running", "up_for_reschedule"):
        return "waiting"
    return "" if state in ("scheduled", "queued") else state


def _say_books(switched: dict[str, Any], say: Callable[[str], None]) -> None:
    say(f"Reports and pages read generation {switched['current']}.")
    for name in BOOKS:
        say(f"{name:<11}" + "".join(f"{each[name]:>14,}" for each in switched["books"]))
