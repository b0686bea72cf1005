"""The whole stack on a disk whose power is cut in the middle, again and again; then every count against the recount.

    python -m tests.powercut.stack_cuts --cuts 3 --posts 20000

Needs root, loop mounts, 8 GB of disk and of memory, and some minutes a cut; one stack at a time on a machine.
HASHTIDE_PARTS names the fetched parts. Exit status 0: all is right; what differs is printed. See `loop_device`.
"""

from __future__ import annotations

import argparse
import logging
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.flow.checking import against_recount, against_truth, sums_that_differ
from tests.flow.inputs import simulate
from tests.flow.recount import recount
from tests.flow.running_stack import RunningStack
from tests.powercut.loop_device import LoopDevice

log = logging.getLogger("stack_cuts")

MEGABYTES = 6000
SETTLING_S = 15.0
TRIES = 4


def main() -> int:
    """Cuts, compares and prints; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cuts", type=int, default=3)
    parser.add_argument("--posts", type=int, default=20_000)
    parser.add_argument("--pace", type=int, default=100, help="lines per second: how long there is something to cut")
    parser.add_argument("--seed", type=int, default=1, help="of the moments of the cuts")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s: %(message)s")
    with tempfile.TemporaryDirectory(prefix="hashtide-cuts-") as name, disk(Path(name)) as device:
        lines = Path(name) / "posts.jsonl"
        truth = simulate(lines, Path(name) / "truth.json", posts=given.posts)
        stack = RunningStack(device.root / "home")
        source = ("--source", f"file:{lines},pace={given.pace}")
        try:
            cut_in_the_middle(stack, device, source, given.cuts, random.Random(given.seed))  # noqa: S311
            last = up(stack, source, "--until-done")
            records = stack.records()
            expected = recount(records)
            again = len(records) - given.posts
            wrong = [*against_recount(stack, expected), *against_truth(expected, truth, again)]
            wrong += map(str, sums_that_differ(stack))
        finally:
            stack.run("down")
    sys.stdout.write(f"{given.cuts} cuts, {given.posts} posts, {again} sent again, {len(wrong)} differences\n")
    sys.stdout.writelines(f"{each}\n" for each in wrong[:40])
    return int(bool(wrong or last.returncode))


def cut_in_the_middle(
    stack: RunningStack, device: LoopDevice, source: tuple[str, ...], cuts: int, chance: random.Random
) -> None:
    """Starts the stack and cuts the power at some moment while it counts, so many times."""
    for number in range(1, cuts + 1):
        up(stack, source)
        wait_until_it_counts(stack)
        time.sleep(chance.uniform(0, SETTLING_S))
        log.info("cut %d with %s batches in Postgres", number, batches(stack))
        device.cut()


def up(stack: RunningStack, source: tuple[str, ...], *more: str) -> subprocess.CompletedProcess[str]:
    """`up`, again where a busy machine was too slow for its limits."""
    for _ in range(TRIES):
        done = stack.run("up", *source, *more)
        log.info("up ended with %s: %s", done.returncode, done.stdout[-500:])
        if done.returncode == 0:
            break
    return done


def wait_until_it_counts(stack: RunningStack, within_s: float = 1500.0) -> None:
    """Until the ledger in Postgres has a batch more.

    Raises:
        AssertionError: nothing was counted in time.
    """
    deadline_s, before = time.monotonic() + within_s, batches(stack)
    while (found := batches(stack)) is None or before is None or found <= before:
        before = found if before is None else before
        assert time.monotonic() < deadline_s, f"nothing was counted in {within_s:.0f} s"
        time.sleep(1)


def batches(stack: RunningStack) -> int | None:
    """How many the ledger has; None while Postgres doesn't answer."""
    with suppress(Exception):
        return int(stack.query("select count(*) from batch_ledger")[0][0])
    return None


@contextmanager
def disk(folder: Path) -> Iterator[LoopDevice]:
    """A disk of its own, unmounted at the end."""
    device = LoopDevice(folder / "disk.img", folder / "disk", megabytes=MEGABYTES)
    try:
        yield device
    finally:
        device.close()


if __name__ == "__main__":
    sys.exit(main())
