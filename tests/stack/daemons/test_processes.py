"""What the driver of the streaming job said when it ended."""

import os
from pathlib import Path

import pytest

from stack.config.state_directory import StateDirectory
from stack.daemons.processes import DRIVER_SETTLES_S, driver_error

ENDED = "2026-01-31 12:00:00,000 ERROR count: topic 'posts' was deleted and made anew"
WORKS = "2026-01-31 12:00:00,000 INFO counting.batches: batch 7: 12 records, 30 rows"
NOW_S = 1_000_000.0


@pytest.fixture
def home(tmp_path: Path) -> StateDirectory:
    return StateDirectory(tmp_path)


def attempt(home: StateDirectory, number: int, *lines: str, age_s: float) -> None:
    folder = home.data / f"nm-logs/application_1_0001/container_e01_1_0001_0{number}_000001"
    folder.mkdir(parents=True)
    (folder / "stdout").write_text("".join(f"{line}\n" for line in lines))
    os.utime(folder, (NOW_S - age_s, NOW_S - age_s))


def test_a_driver_that_ended_with_an_error_says_why(home: StateDirectory) -> None:
    attempt(home, 1, WORKS, ENDED, age_s=600)
    assert driver_error(home, NOW_S) == "topic 'posts' was deleted and made anew"


def test_while_the_next_one_starts_the_one_before_is_asked(home: StateDirectory) -> None:
    attempt(home, 1, ENDED, age_s=20)
    attempt(home, 2, age_s=5)
    assert driver_error(home, NOW_S) == "topic 'posts' was deleted and made anew"


def test_a_driver_that_works_has_no_error(home: StateDirectory) -> None:
    attempt(home, 1, ENDED, age_s=600)
    attempt(home, 2, WORKS, age_s=DRIVER_SETTLES_S + 1)
    assert driver_error(home, NOW_S) is None


def test_before_the_first_driver_there_is_no_error(home: StateDirectory) -> None:
    assert driver_error(home, NOW_S) is None
