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
    parser.add_argument("--pace", type=int, default=40, help="lines per second: how long there is something to cut")
    parser.add_argument("--seed", type=int, default=1, help="of the moments of the cuts")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s: %(message)s")
    with tempfile.TemporaryDirectory(prefix="hashtide-cuts-") as name, disk(Path(name)) as device:
        lines = Path(name) / "posts.jsonl"
        truth = simulate(lines, Path(name) / "truth.json", posts=given.posts)
        stack = RunningStack(device.root / "home")
        source = ("--source", f"file:{lines},pace={given.pace}")
        try:
            cuts = cut_in_the_middle(stack, device, source, given, random.Random(given.seed))  # noqa: S311
            last = up(stack, source, "--until-done")
            records = stack.records()
            expected = recount(records)
            again = len(records) - given.posts
            wrong = [*against_recount(stack, expected), *against_truth(expected, truth, again)]
            wrong += map(str, sums_that_differ(stack))
        finally:
            stack.run("down")
    sys.stdout.write(f"{cuts} cuts, {given.posts} posts, {again} sent again, {len(wrong)} differences\n")
    sys.stdout.writelines(f"{each}\n" for each in wrong[:40])
    return int(bool(wrong or last.returncode))


def cut_in_the_middle(
    stack: RunningStack, device: LoopDevice, source: tuple[str, ...], given: argparse.Namespace, chance: random.Random
) -> int:
    """Starts the stack and cuts the power at some moment while it counts, so many times; returns how many came."""
    wanted: int = given.cuts
    for number in range(1, wanted + 1):
        up(stack, source)
        if not wait_until_it_counts(stack, given.posts):
            log.warning("everything was counted before cut %d: a slower --pace leaves more time", number)
            return number - 1
        time.sleep(chance.uniform(0, SETTLING_S))
        log.info("cut %d with %s batches and records in Postgres", number, counted(stack))
        device.cut()
    return wanted


def up(stack: RunningStack, source: tuple[str, ...], *more: str) -> subprocess.CompletedProcess[str]:
    """`up`, again where a busy machine was too slow for its limits."""
    for _ in range(TRIES):
        done = stack.run("up", *source, *more)
        log.info("up ended with %s: %s", done.returncode, done.stdout[-500:])
        if done.returncode == 0:
            break
    return done


def wait_until_it_counts(stack: RunningStack, posts: int, within_s: float = 1500.0) -> bool:
    """Waits until the ledger in Postgres has a batch more; False where it has all records already.

    Raises:
        AssertionError: nothing was counted in time.
    """
    deadline_s, before = time.monotonic() + within_s, counted(stack)
    while (found := counted(stack)) is None or before is None or found[0] <= before[0]:
        if found is not None and found[1] >= posts:
            return False
        before = found if before is None else before
        assert time.monotonic() < deadline_s, f"nothing was counted in {within_s:.0f} s"
        time.sleep(1)
    return True


def counted(stack: RunningStack) -> tuple[int, int] | None:
    """How many batches and records the ledger has; None while Postgres doesn't answer."""
    with suppress(Exception):
        ((batches, records),) = stack.query("select count(*), coalesce(sum(records), 0) from batch_ledger")
        return int(batches), int(records)
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
