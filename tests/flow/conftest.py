"""What the tests of the whole flow share: a stack, and what the simulator makes."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pluggy import Result

from tests.flow.inputs import simulate
from tests.flow.running_stack import RunningStack


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A failed test shows the ends of the stack's logs: of a run elsewhere they are all that anybody sees."""
    outcome: Result[pytest.TestReport] = yield  # type: ignore[assignment]
    report, stack = outcome.get_result(), getattr(item, "funcargs", {}).get("stack")
    if report.failed and isinstance(stack, RunningStack):
        report.sections += stack.log_ends()


@pytest.fixture(scope="module")
def stack() -> Iterator[RunningStack]:
    """A stack in a home of its own: one for each file of tests, stopped whatever happens."""
    home = Path(tempfile.mkdtemp(prefix="hashtide-flow-"))
    stack = RunningStack(home)
    try:
        yield stack
    finally:
        stopped = stack.run("down")
        # A home that could not be stopped is left to be looked at: its services may still run.
        if stopped.returncode == 0:
            shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The simulator's lines as a file, and its ground truth."""
    folder = tmp_path_factory.mktemp("simulated")
    return folder / "posts.jsonl", simulate(folder / "posts.jsonl", folder / "truth.json")
