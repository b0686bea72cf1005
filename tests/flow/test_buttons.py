"""Pausing, triggering, clearing and marking in the UI do what docs/operations.md says ("What the buttons do").

On a whole stack, with the real collector and the real streaming job on YARN. The order counts: what stops comes last.
"""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.flow.buttons import TASKS, Buttons, wait_until
from tests.flow.running_stack import RunningStack

pytestmark = [pytest.mark.flow, pytest.mark.timeout(1200)]

SETTLE_S = 8.0
"""The triggerer looks each second for triggers to end; what a button would stop wrongly is stopped by then."""

BOTH = pytest.mark.parametrize("dag", sorted(TASKS))


@pytest.fixture(scope="module")
def buttons(stack: RunningStack) -> Iterator[Buttons]:
    """A stack whose leases watch a slow simulator and one application."""
    up = stack.run("up", "--services-only", "--source", "simulator:rate=20")
    assert up.returncode == 0, up.stdout
    buttons = Buttons(stack.home)
    for dag in TASKS:
        buttons.pause(dag, False)
        wait_until(lambda dag=dag: buttons.purple(dag), f"{dag} is on something")  # type: ignore[misc]
    yield buttons
    for dag in TASKS:
        buttons.pause(dag, True)


def test_triggering_count_posts_by_hand_waits_its_turn_and_starts_nothing(buttons: Buttons) -> None:
    before = buttons.working("count_posts")
    run = buttons.trigger("count_posts", {}).json()["dag_run_id"]
    time.sleep(SETTLE_S)
    assert buttons.ask("GET", f"count_posts/dagRuns/{run}").json()["state"] == "queued"
    assert buttons.working("count_posts") == before
    assert buttons.ask("DELETE", f"count_posts/dagRuns/{run}").ok
    assert buttons.working("count_posts") == before


def test_triggering_collect_posts_by_hand_starts_the_next_run_at_once(buttons: Buttons) -> None:
    before = buttons.working("collect_posts")
    run = buttons.trigger("collect_posts", {}).json()["dag_run_id"]
    wait_until(lambda: buttons.task("collect_posts", run)[0] == "deferred", "the run by hand attaches")
    assert buttons.working("collect_posts") == before


def test_the_form_of_collect_posts_collects_something_else_and_then_the_usual_again(buttons: Buttons) -> None:
    asked = "simulator:posts=300,rate=0,seed=5"
    run = buttons.trigger("collect_posts", {"source": asked, "minutes": 10}).json()["dag_run_id"]
    wait_until(lambda: buttons.source() == f"{asked},duration_s=600", "what the form says is collected")
    wait_until(lambda: buttons.ask("GET", f"collect_posts/dagRuns/{run}").json()["state"] == "success", "to its end")
    wait_until(lambda: buttons.purple("collect_posts", not_run=run), "the next lease")
    assert buttons.source() == "simulator:rate=20"


@pytest.mark.parametrize(
    ("dag", "conf"),
    [
        ("collect_posts", {"source": "file:/a b"}),
        ("collect_posts", {"source": "simulator:posts=1\n--help"}),
        ("collect_posts", {"limit": "5; id"}),
        ("explore_counts", {"source": "tcp:$(id)"}),
        ("explore_counts", {"seconds": 0}),
    ],
)
def test_what_no_form_takes_is_refused_before_there_is_a_run(buttons: Buttons, dag: str, conf: dict[str, Any]) -> None:
    answer = buttons.trigger(dag, conf)
    assert answer.status_code == 400
    assert f"Invalid input for param {next(iter(conf))}" in answer.json()["detail"]


@BOTH
def test_marking_success_hands_over(buttons: Buttons, dag: str) -> None:
    before, run = buttons.working(dag), buttons.run_id(dag)
    buttons.mark_task(dag, "success")
    wait_until(lambda: buttons.purple(dag, not_run=run), "the next run attaches")
    time.sleep(SETTLE_S)
    assert buttons.working(dag) == before


@BOTH
def test_clearing_attaches_again_and_nothing_is_killed(buttons: Buttons, dag: str) -> None:
    before, run = buttons.working(dag), buttons.run_id(dag)
    tries = buttons.task(dag, run)[1]
    buttons.clear(dag)
    wait_until(lambda: buttons.purple(dag, least_try=tries + 1), "the new try attaches")
    time.sleep(SETTLE_S)
    assert buttons.run_id(dag) == run
    assert buttons.working(dag) == before
    assert buttons.task(dag)[0] == "deferred"


@BOTH
def test_pausing_stops_nothing(buttons: Buttons, dag: str) -> None:
    before, run = buttons.working(dag), buttons.run_id(dag)
    buttons.pause(dag, True)
    time.sleep(SETTLE_S)
    assert buttons.working(dag) == before
    assert buttons.task(dag, run)[0] == "deferred"
    buttons.pause(dag, False)
    time.sleep(SETTLE_S)
    assert buttons.working(dag) == before


@BOTH
def test_a_run_hands_over_at_its_end(buttons: Buttons, dag: str) -> None:
    before, run = buttons.working(dag), buttons.run_id(dag)
    tries = buttons.task(dag, run)[1]
    buttons.set_variable("hashtide_supervision_min", "0.5")
    buttons.clear(dag)
    wait_until(lambda: buttons.task(dag, run)[1] > tries, "the short lease begins")
    time.sleep(SETTLE_S)
    buttons.set_variable("hashtide_supervision_min", "30")
    wait_until(lambda: buttons.purple(dag, not_run=run), "the next lease")
    assert buttons.ask("GET", f"{dag}/dagRuns/{run}").json()["state"] == "success"
    assert buttons.working(dag) == before


def test_another_source_replaces_the_collector_within_the_same_run(buttons: Buttons) -> None:
    before, run = buttons.working("collect_posts"), buttons.run_id("collect_posts")
    buttons.set_variable("hashtide_source", "simulator:rate=20,seed=2")
    wait_until(lambda: buttons.working("collect_posts") not in ("", before), "the new collector", 60)
    wait_until(lambda: buttons.purple("collect_posts"), "the lease watches it")
    assert buttons.run_id("collect_posts") == run


@pytest.mark.parametrize(
    "conf",
    [
        {"day": "2026-01-01'; DROP TABLE report; --"},
        {"day": "../../etc"},
        {"top": 1001},
        {"top": "50; id"},
        {"source": "../x"},
        {"lang": "en\n"},
        {"lang": "$(id)"},
    ],
)
def test_a_report_of_something_else_is_refused_before_there_is_a_run(buttons: Buttons, conf: dict[str, Any]) -> None:
    answer = buttons.trigger("report_hashtags", conf)
    assert answer.status_code == 400
    assert f"Invalid input for param {next(iter(conf))}" in answer.json()["detail"]


@BOTH
def test_marking_failed_is_a_restart(buttons: Buttons, dag: str) -> None:
    before, run = buttons.working(dag), buttons.run_id(dag)
    buttons.mark_task(dag, "failed")
    wait_until(lambda: buttons.working(dag) not in ("", before), "another one works")
    wait_until(lambda: buttons.purple(dag, not_run=run), "and is watched")
    if dag == "count_posts":
        assert buttons.applications()[before] == "SUCCEEDED"  # stopped after its batch, not killed


def test_marking_failed_is_a_restart_too_while_the_task_waits_for_a_worker(buttons: Buttons) -> None:
    before = buttons.working("collect_posts")
    buttons.clear("collect_posts")  # from here on, until the new try is deferred, no trigger could be told
    buttons.mark_run("collect_posts", "failed")
    wait_until(lambda: buttons.working("collect_posts") not in ("", before), "another one works")
    after = buttons.working("collect_posts")
    wait_until(lambda: buttons.purple("collect_posts"), "and is watched")
    time.sleep(SETTLE_S)
    assert buttons.working("collect_posts") == after  # once


@BOTH
def test_paused_and_marked_failed_it_stops_for_good(buttons: Buttons, dag: str) -> None:
    before = buttons.working(dag)
    buttons.pause(dag, True)
    buttons.mark_run(dag, "failed")
    wait_until(lambda: buttons.working(dag) == "", "it has stopped", 120)
    time.sleep(SETTLE_S)
    assert buttons.working(dag) == ""
    if dag == "count_posts":
        assert buttons.applications()[before] == "SUCCEEDED"
