"""The spend guard: what was paid for today and this month (UTC), on disk, and where the budget ends.

X bills each post that it delivers. The file is written before posts are counted, in blocks: after a kill -9 it
shows up to one block (1 % of the smallest budget, at most 100 posts) more than was delivered, and less only by what
was still unread in the socket.
"""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from collecting.source_api import SourceError
from collecting.sources.x.policy import utc
from contract.files import FileLock, LockHeld, make_directory, write_atomically
from contract.names import SPEND_FILE

log = logging.getLogger(__name__)

VARIABLE = SPEND_FILE
USD_PER_POST = Decimal("0.005")
WARN_AT = Decimal("0.8")
LARGEST_BLOCK = 100


@dataclass(frozen=True)
class Budget:
    """The limits; None: unlimited."""

    posts_day: int | None = None
    posts_month: int | None = None
    usd_day: Decimal | None = None
    usd_month: Decimal | None = None
    usd_per_post: Decimal = USD_PER_POST

    @property
    def is_limited(self) -> bool:
        """Whether there is any limit."""
        return any(each is not None for each in (self.posts_day, self.posts_month, self.usd_day, self.usd_month))

    @property
    def block(self) -> int:
        """How many posts are recorded in advance."""
        ends = [each for each in (self.posts_day, self.posts_month) if each is not None]
        ends += [int(each / self.usd_per_post) for each in (self.usd_day, self.usd_month) if each is not None]
        return max(1, min([LARGEST_BLOCK, *(end // 100 for end in ends)]))


class Exhausted(NamedTuple):
    """The budget is used up: the reason, in one line, and until when."""

    why: str
    until: datetime


@dataclass
class _Tally:
    """Spending in one period; `since` is its first day."""

    since: str
    posts: int = 0
    usd: Decimal = Decimal(0)

    def add(self, posts: int, usd_per_post: Decimal) -> None:
        self.posts += posts
        self.usd += posts * usd_per_post


class Spending:
    """The account in one file, held by one process. Without a file (None) it is in memory only.

    Raises:
        SourceError: another process holds the file, it cannot be written, or it is damaged.
    """

    def __init__(self, path: Path | None, budget: Budget, clock: Callable[[], float]) -> None:
        self._path = path
        self._budget = budget
        self._clock = clock
        self._ahead = 0  # posts that are in the file but not delivered yet
        self._warned: set[tuple[str, str]] = set()
        self._lock: FileLock | None = None
        self._day, self._month = _Tally(""), _Tally("")
        if path is not None:
            self._open(path)
        self._turn()

    def add(self, posts: int = 1) -> None:
        """Counts delivered posts. They are on disk before it returns."""
        self._turn()
        if self._ahead < posts:
            block = max(self._budget.block, posts - self._ahead)
            for tally in (self._day, self._month):
                tally.add(block, self._budget.usd_per_post)
            self._ahead += block
            self._write()
        self._ahead -= posts
        self._warn()

    def exhausted(self) -> Exhausted | None:
        """The limit that one more post would exceed, and until when; the latest of several."""
        self._turn()
        over = [
            Exhausted(f"the budget of {end} {unit} a {name} is used up", self._renewal(name))
            for name, tally, posts_end, usd_end in self._periods()
            for unit, spent, end, step in (
                ("posts", tally.posts - self._ahead, posts_end, 1),
                ("dollars", tally.usd - self._ahead * self._budget.usd_per_post, usd_end, self._budget.usd_per_post),
            )
            if end is not None and spent + step > end
        ]
        return max(over, key=lambda each: each.until, default=None)

    def close(self) -> None:
        """Returns the unused advance, and releases the file."""
        for tally in (self._day, self._month):
            tally.add(-self._ahead, self._budget.usd_per_post)
        self._ahead = 0
        self._write()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    # -- private

    def _periods(self) -> list[tuple[str, _Tally, int | None, Decimal | None]]:
        budget = self._budget
        return [
            ("day", self._day, budget.posts_day, budget.usd_day),
            ("month", self._month, budget.posts_month, budget.usd_month),
        ]

    def _turn(self) -> None:
        """Starts a new day or month at 0. A clock that goes back starts none, so a budget is not spent twice."""
        today = utc(self._clock()).date().isoformat()
        if today <= self._day.since:
            return
        month = today[:7] + "-01"
        left, self._ahead = self._ahead, 0
        if month > self._month.since:
            self._month = _Tally(month)
        else:
            self._month.add(-left, self._budget.usd_per_post)
        self._day = _Tally(today)

    def _renewal(self, name: str) -> datetime:
        day = datetime.fromisoformat(self._day.since).replace(tzinfo=UTC)
        return day + timedelta(days=1) if name == "day" else (day.replace(day=28) + timedelta(days=4)).replace(day=1)

    def _warn(self) -> None:
        ahead_usd = self._ahead * self._budget.usd_per_post
        for name, tally, posts_end, usd_end in self._periods():
            posts, usd = tally.posts - self._ahead, tally.usd - ahead_usd
            for unit, spent, end in (("posts", posts, posts_end), ("dollars", usd, usd_end)):
                key = (f"{unit} a {name}", tally.since)
                if end is not None and key not in self._warned and spent >= WARN_AT * end:
                    self._warned.add(key)
                    log.warning("spent %s of the budget of %s %s", spent, end, key[0])

    def _open(self, path: Path) -> None:
        try:
            make_directory(path.parent)
            self._lock = FileLock(path.with_name(path.name + ".lock"))
            if path.exists():
                self._day, self._month = _read(path)
        except LockHeld as error:
            raise SourceError(f"source x: the account of spending is in use: {error}") from None
        except OSError as error:
            raise SourceError(f"source x: {VARIABLE}: {path}: {error.strerror or error}") from None

    def _write(self) -> None:
        if self._path is None:
            return
        content = {
            name: {"since": tally.since, "posts": tally.posts, "usd": str(tally.usd)}
            for name, tally in (("day", self._day), ("month", self._month))
        }
        written = json.dumps(content | {"posts_in_advance": self._ahead}) + "\n"
        try:
            write_atomically(self._path, written, durably=True)
        except OSError as error:
            raise SourceError(f"source x: {VARIABLE}: {self._path}: {error.strerror or error}") from None


def _read(path: Path) -> tuple[_Tally, _Tally]:
    """Reads the file. The advance of a killed process counts as spent, since it may have been."""
    try:
        content = json.loads(path.read_bytes())
        day, month = (
            _Tally(str(each["since"]), int(each["posts"]), Decimal(str(each["usd"])))
            for each in (content["day"], content["month"])
        )
        for tally in (day, month):
            datetime.fromisoformat(tally.since)
    except (ValueError, KeyError, TypeError, ArithmeticError):
        raise SourceError(f"source x: {VARIABLE}: {path} is damaged; mend it, or remove it and count from 0") from None
    return day, month
