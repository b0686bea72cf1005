"""Two stacks for the whole flow test, each brought up once; both stopped at the end, whatever happened."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flow.running_stack import RunningStack


@pytest.fixture(scope="module")
def stack() -> Iterator[RunningStack]:
    """A stack that nobody disturbs."""
    yield from _in_a_home_of_its_own()


@pytest.fixture(scope="module")
def disturbed_stack() -> Iterator[RunningStack]:
    """Another, whose driver is killed."""
    yield from _in_a_home_of_its_own()


def _in_a_home_of_its_own() -> Iterator[RunningStack]:
    home = Path(tempfile.mkdtemp(prefix="hashtide-flow-"))
    stack = RunningStack(home)
    try:
        yield stack
    finally:
        stopped = stack.run("down")
        # A home that could not be stopped is left to be looked at: its services may still run.
        if stopped.returncode == 0:
            shutil.rmtree(home, ignore_errors=True)
