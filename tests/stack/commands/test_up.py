"""Starting: each step as soon as what it needs is done, and one clear error where one fails."""

import io
import threading
from collections.abc import Callable

import pytest
from rich.console import Console

from stack.commands.up import Step, run_steps
from stack.config.errors import StackError
from stack.observe.progress import Steps


def _report() -> tuple[Steps, io.StringIO]:
    out = io.StringIO()
    return Steps(Console(file=out, width=40)), out


def _step(name: str, *after: str, act: Callable[[], str] = lambda: "") -> Step:
    return Step(name, name.title(), after, act)


def test_a_step_waits_for_those_that_it_names() -> None:
    order: list[str] = []

    def act(name: str) -> Callable[[], str]:
        return lambda: order.append(name) or ""  # type: ignore[func-returns-value]

    steps = [_step("c", "a", "b", act=act("c")), _step("b", "a", act=act("b")), _step("a", act=act("a"))]
    run_steps(steps, _report()[0])
    assert order == ["a", "b", "c"]


def test_steps_that_need_nothing_run_at_once() -> None:
    both = threading.Barrier(2, timeout=10)

    def meet() -> str:
        both.wait()
        return ""

    run_steps([_step("a", act=meet), _step("b", act=meet)], _report()[0])


def test_each_finished_step_is_one_plain_line_however_long() -> None:
    report, out = _report()
    run_steps([_step("kafka", act=lambda: "a word on it that is longer than the terminal is wide")], report)
    (line,) = out.getvalue().splitlines()
    assert line.startswith("✓ Kafka")
    assert line.endswith(" s  a word on it that is longer than the terminal is wide")


def test_the_first_failure_ends_it_and_what_comes_after_is_never_begun() -> None:
    def fail() -> str:
        raise StackError("Kafka is not healthy")

    begun: list[str] = []
    after = _step("b", "a", act=lambda: begun.append("b") or "")  # type: ignore[func-returns-value]
    with pytest.raises(StackError, match="Kafka is not healthy"):
        run_steps([_step("a", act=fail), after], _report()[0])
    assert begun == []


def test_steps_that_wait_for_each_other_are_an_error_and_no_hang() -> None:
    with pytest.raises(StackError, match="wait for each other"):
        run_steps([_step("a", "b"), _step("b", "a")], _report()[0])
