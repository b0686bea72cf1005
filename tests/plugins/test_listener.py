"""A person marks a lease as failed: as Airflow's API server tells its listeners, within its transaction."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from hashtide_airflow import listener, stop_requests

BY_HAND = "TaskInstance's state was manually set to `failed`."
RUN_BY_HAND = "Dag Run's state was manually set to `failed`."


class Base(DeclarativeBase):
    __allow_unmapped__ = True


class Marked(Base):
    """A task instance or run, as far as the listener looks at one."""

    __tablename__ = "marked"
    id: Mapped[int] = mapped_column(primary_key=True)
    dag_id = "collect_posts"
    run_id = "scheduled__1"
    dag_run: Any = SimpleNamespace(state="running")
    start_date: datetime | None = None
    end_date: datetime | None = None


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """Airflow's open transaction; nothing is really stopped."""
    monkeypatch.setattr(listener, "retry_stop", lambda _: None)
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session


def marked(session: Session, **values: Any) -> Marked:
    row = Marked(id=1)
    for name, value in values.items():
        setattr(row, name, value)
    session.add(row)
    session.flush()
    return row


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


def test_the_stop_request_is_there_once_the_mark_is_committed(session: Session) -> None:
    listener.on_task_instance_failed(None, marked(session), BY_HAND)
    assert stop_requests.pending("collect_posts") is None
    session.commit()
    wish = stop_requests.pending("collect_posts")
    assert wish is not None
    assert wish.run_id == "scheduled__1"
    assert abs(wish.at - time.time()) < 5


def test_a_mark_that_is_rolled_back_requests_no_stop(session: Session) -> None:
    listener.on_task_instance_failed(None, marked(session), BY_HAND)
    session.rollback()
    assert stop_requests.pending("collect_posts") is None


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({}, ValueError("the lease failed by itself")),
        ({}, None),
        ({"dag_id": "compact_counts"}, BY_HAND),
        ({"dag_run": SimpleNamespace(state="success")}, BY_HAND),
        ({"dag_run": SimpleNamespace(state="failed")}, BY_HAND),
    ],
)
def test_nothing_else_requests_a_stop(session: Session, values: dict[str, Any], error: Any) -> None:
    listener.on_task_instance_failed(None, marked(session, **values), error)
    session.commit()
    assert stop_requests.pending(str(values.get("dag_id", "collect_posts"))) is None


@pytest.mark.parametrize(
    ("dag_id", "started_s_ago", "ended_s_ago", "message", "wished"),
    [
        ("collect_posts", 60, 0, RUN_BY_HAND, True),
        ("collect_posts", 60, 0, "task_failure", False),
        ("collect_posts", None, 0, RUN_BY_HAND, False),  # it waited for its turn
        ("collect_posts", 600, 300, RUN_BY_HAND, False),  # it was over
        ("report_hashtags", 60, 0, RUN_BY_HAND, False),
    ],
)
def test_a_run_is_marked(
    session: Session, dag_id: str, started_s_ago: float | None, ended_s_ago: float, message: str, wished: bool
) -> None:
    started_at = None if started_s_ago is None else ago(started_s_ago)
    row = marked(session, dag_id=dag_id, start_date=started_at, end_date=ago(ended_s_ago))
    listener.on_dag_run_failed(row, message)
    session.commit()
    assert (stop_requests.pending(dag_id) is not None) is wished


def test_what_is_away_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[str] = []

    def apply_request(dag_id: str) -> bool:
        tries.append(dag_id)
        if len(tries) < 3:
            raise OSError("YARN is away")
        return True

    monkeypatch.setattr("hashtide_airflow.stopping.apply_request", apply_request)
    listener.retry_stop("count_posts", 0.0)
    assert tries == ["count_posts"] * 3
