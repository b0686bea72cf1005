"""The account of what was spent."""

import json
import logging
import multiprocessing
import os
import signal
from datetime import UTC, datetime
from decimal import Decimal
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from collecting.source_api import SourceError
from collecting.sources.x.spend import Budget, Spending

NOON = datetime(2026, 12, 31, 12, tzinfo=UTC).timestamp()
DAY_S = 86_400.0


class Clock:
    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def spend(path: Path | None, posts: int, budget: Budget, clock: Clock | None = None) -> int:
    """Counts posts until the budget ends; how many there were."""
    account = Spending(path, budget, clock or Clock())
    for n in range(posts):
        if account.exhausted():
            account.close()
            return n
        account.add()
    account.close()
    return posts


@pytest.mark.parametrize(
    ("budget", "posts"),
    [
        (Budget(posts_day=7), 7),
        (Budget(posts_month=450), 450),
        (Budget(usd_day=Decimal("0.5")), 100),
        (Budget(usd_month=Decimal("1"), usd_per_post=Decimal("0.003")), 333),
        (Budget(posts_day=20, usd_day=Decimal("0.05")), 10),
        (Budget(), 1000),
    ],
)
def test_ends_exactly_at_the_smallest_end(tmp_path: Path, budget: Budget, posts: int) -> None:
    assert spend(tmp_path / "a.json", 1000, budget) == posts


def test_goes_on_where_it_was_after_a_clean_stop(tmp_path: Path) -> None:
    path, budget = tmp_path / "a.json", Budget(posts_day=500)
    assert spend(path, 123, budget) == 123
    assert json.loads(path.read_text())["day"]["posts"] == 123
    assert json.loads(path.read_text())["posts_in_advance"] == 0
    assert spend(path, 1000, budget) == 377


def test_says_why_and_until_when(tmp_path: Path) -> None:
    account = Spending(tmp_path / "a.json", Budget(posts_day=1), Clock())
    assert account.exhausted() is None
    account.add()
    over = account.exhausted()
    assert over is not None
    assert over.why == "the budget of 1 posts a day is used up"
    assert over.until == datetime(2027, 1, 1, tzinfo=UTC)


def test_of_day_and_month_the_later_end_holds(tmp_path: Path) -> None:
    account = Spending(tmp_path / "a.json", Budget(posts_day=1, posts_month=1), Clock(NOON - 30 * DAY_S))
    account.add()
    over = account.exhausted()
    assert over is not None
    assert over.until == datetime(2027, 1, 1, tzinfo=UTC)
    assert "a month" in over.why


def test_a_new_day_renews_the_day_and_not_the_month(tmp_path: Path) -> None:
    clock = Clock(NOON - 2 * DAY_S)
    account = Spending(tmp_path / "a.json", Budget(posts_day=2, posts_month=5), clock)
    taken = []
    for _ in range(4):
        posts = 0
        while not account.exhausted():
            account.add()
            posts += 1
        taken.append(posts)
        clock.now += DAY_S
    assert taken == [2, 2, 1, 2]  # the last is in the new year


def test_a_clock_that_goes_back_renews_nothing(tmp_path: Path) -> None:
    clock = Clock()
    account = Spending(tmp_path / "a.json", Budget(posts_day=1), clock)
    account.add()
    clock.now -= 3 * DAY_S
    assert account.exhausted() is not None
    account.close()
    assert Spending(tmp_path / "a.json", Budget(posts_day=1), clock).exhausted() is not None


def test_each_price_is_what_was_paid_then(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    spend(path, 10, Budget(usd_per_post=Decimal("0.01")))
    assert spend(path, 99, Budget(usd_day=Decimal("0.2"), usd_per_post=Decimal("0.05"))) == 2


def test_warns_once_at_80_percent(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    account = Spending(tmp_path / "a.json", Budget(posts_day=10), Clock())
    for n in range(1, 11):
        account.add()
        assert [record.levelno for record in caplog.records] == ([logging.WARNING] if n >= 8 else [])
    assert caplog.messages == ["spent 8 of the budget of 10 posts a day"]


def _spend_for_ever(path: Path, budget: Budget, said: Connection) -> None:
    account = Spending(path, budget, Clock())
    while True:
        said.send_bytes(b".")  # delivered, whatever we get to
        account.add()


@pytest.mark.parametrize("posts", [1, 99, 100, 101, 1234])
def test_kill_9_never_makes_it_less_and_at_most_a_block_more(tmp_path: Path, posts: int) -> None:
    path, budget = tmp_path / "a.json", Budget(posts_day=20_000)
    context = multiprocessing.get_context("fork")
    heard, said = context.Pipe(duplex=False)
    process = context.Process(target=_spend_for_ever, args=(path, budget, said))
    process.start()
    assert process.pid is not None
    for _ in range(posts):
        heard.recv_bytes()
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    said.close()
    delivered = posts
    while True:
        try:
            heard.recv_bytes()
        except EOFError:
            break
        delivered += 1
    account = Spending(path, budget, Clock())
    account.close()
    written = json.loads(path.read_text())["day"]["posts"]
    assert delivered - 1 <= written <= delivered + budget.block  # the last one may not have reached add()


def test_a_small_budget_is_not_eaten_by_what_is_written_in_advance() -> None:
    assert Budget(posts_day=50).block == 1
    assert Budget(posts_day=5000, usd_month=Decimal("1")).block == 2
    assert Budget(posts_month=10**6).block == 100
    assert Budget().block == 100


def test_one_process_at_a_time_holds_it(tmp_path: Path) -> None:
    account = Spending(tmp_path / "a.json", Budget(posts_day=1), Clock())
    with pytest.raises(SourceError, match="in use"):
        Spending(tmp_path / "a.json", Budget(posts_day=1), Clock())
    account.close()
    Spending(tmp_path / "a.json", Budget(posts_day=1), Clock()).close()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"day":{}}', b'{"day":{"since":"x","posts":1,"usd":"1"},"month":{}}', b"\xff"]
)
def test_a_damaged_account_is_no_empty_one(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(SourceError, match="damaged"):
        Spending(tmp_path / "a.json", Budget(posts_day=1), Clock())


def test_an_account_that_cannot_be_written_stops_the_spending(tmp_path: Path) -> None:
    account = Spending(tmp_path / "deep" / "a.json", Budget(posts_day=1), Clock())
    (tmp_path / "deep" / "a.json").unlink(missing_ok=True)
    (tmp_path / "deep" / "a.json").mkdir()
    with pytest.raises(SourceError, match="HASHTIDE_SPEND_FILE"):
        account.add()
