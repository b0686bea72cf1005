"""How long to wait before something that failed is tried again.

For loops that never give up and wait on an event of their own (a stop, a trigger's deadline). What gives up after some
tries is tenacity's, as in compacting.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Waits that double with each failure in a row.

    Attributes:
        first_s: after the first failure, seconds.
        longest_s: never more than this.
        jitter: the share of a wait that is left to chance: a server that comes back is not met by everyone at once.
    """

    first_s: float = 0.5
    longest_s: float = 30.0
    jitter: float = 0.5

    def wait_s(self, failures: int, random: Callable[[], float] = random.random) -> float:
        """The wait after so many failures in a row (1: the first), seconds; 0 after none.

        Args:
            failures: in a row.
            random: a number from 0 to 1.
        """
        if failures < 1:
            return 0.0
        due_s = min(self.first_s * 2.0 ** min(failures - 1, 60), self.longest_s)
        return due_s * (1.0 - self.jitter + self.jitter * random())


class Retries:
    """Counts failures in a row, for a loop that waits between its tries."""

    def __init__(self, backoff: Backoff | None = None, random: Callable[[], float] = random.random) -> None:
        self._backoff = backoff or Backoff()
        self._random = random
        self._failures = 0

    def next_s(self) -> float:
        """The wait after one more failure, seconds."""
        self._failures += 1
        return self._backoff.wait_s(self._failures, self._random)

    def reset(self) -> None:
        """It worked: the next failure is the first one again."""
        self._failures = 0
