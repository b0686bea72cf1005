"""The run of `chaos.py`, short: its long form is `python -m tests.flow.chaos --minutes 30`."""

from pathlib import Path

import pytest

from tests.flow import chaos_checks
from tests.flow.chaos import run

pytestmark = [pytest.mark.flow, pytest.mark.kafka, pytest.mark.postgres, pytest.mark.spark, pytest.mark.timeout(900)]


def test_misbehaving_networks_and_a_dying_collector_lose_nothing_in_silence(
    tmp_path: Path, kafka_jars: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chaos_checks, "CLOSE_S", 5.0)  # two busy cores are no fault of the bounds
    told = run(tmp_path, kafka_jars.parent.parent, seconds=45, seed=5)
    assert told["kills"] > 0
    assert told["gap notes"] > 3
    assert told["posts counted"] > 1000
    assert len(told["mishaps"]) > 8
