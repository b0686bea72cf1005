"""Fixtures of the compaction's tests."""

from pathlib import Path

import pytest

from tests.compacting.stream import Stream


@pytest.fixture
def stream(tmp_path: Path) -> Stream:
    """A count log of generation 1 without a batch yet."""
    return Stream(tmp_path / "counts")
