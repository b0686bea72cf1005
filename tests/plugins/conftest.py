"""Connections and variables as the contract names them, for code that is called outside a task."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.plugins.fake_hadoop import FakeHadoop, serve


@pytest.fixture
def hadoop(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHadoop]:
    with serve(FakeHadoop()) as fake:
        monkeypatch.setenv("AIRFLOW_CONN_HASHTIDE_YARN", fake.url)
        monkeypatch.setenv(
            "AIRFLOW_CONN_HASHTIDE_HDFS",
            f'{{"conn_type": "http", "host": "127.0.0.1", "port": {fake.port}, '
            '"extra": {"rpc_port": 8020, "root": "/hashtide"}}',
        )
        yield fake


@pytest.fixture(autouse=True)
def _nobody_marks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Outside of Airflow nobody can be asked for a task's state; wishes and locks are this test's own."""
    for lease in ("collect", "count"):
        monkeypatch.setattr(f"hashtide_airflow.operators.{lease}.is_marked_failed", lambda _: False)
    # Nor can Postgres, whose generations the supervision asks for before a submit.
    monkeypatch.setattr("hashtide_airflow.settings.require_countable_generation", lambda _: None)
    monkeypatch.setattr("hashtide_airflow.backoff.RESUME_AFTER_S", 0.0)
    monkeypatch.setattr("hashtide_airflow.stop_requests.FOLDER", tmp_path / "wishes")
    monkeypatch.setattr("hashtide_airflow.stopping.LOCKS", tmp_path / "locks")


@pytest.fixture(autouse=True)
def _services(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_HASHTIDE_KAFKA", '{"conn_type": "kafka", "host": "127.0.0.1", "port": 9092}')
    monkeypatch.setenv("AIRFLOW_VAR_HASHTIDE_SOURCE", "simulator")
    monkeypatch.setenv("AIRFLOW_VAR_HASHTIDE_SPOOL_DIR", str(tmp_path / "spool"))
    monkeypatch.setenv("AIRFLOW_VAR_HASHTIDE_REPORTS_DIR", str(tmp_path / "reports"))
