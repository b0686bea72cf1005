"""Tries mutants in a copy of the working tree: `python -m tests.mutants [--part N/M | --part today/M] [--only TEXT]`.

Exit status 1 if one survives (its tests pass all the same) or takes too long, if it is stale, or if its tests fail
without it.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from stack.toolchain import default_dir
from tests.mutants.table import CHECKOUT, Mutant, Stale, check, mutants

LIMIT_S = 400.0
"""Of one mutant's tests. Past it nothing is known: a test that hangs with it, or a machine that is busy."""

PASSED, FAILED, CUT_OFF = 0, 1, -1


def main(arguments: list[str] | None = None) -> int:
    """Tries the chosen mutants; prints a line for each and the sum."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description="Tries mutants in a copy of the tree.")
    parser.add_argument("--part", help="N/M: every M-th, from the N-th; `today` stands for the day's N")
    parser.add_argument("--only", default="", help="those whose description contains this text")
    given = parser.parse_args(arguments)
    chosen = [each for each in part(mutants(), given.part or "1/1") if given.only in each.breaks]
    try:
        for each in chosen:
            check(each)
    except Stale as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command
        return 1
    with tempfile.TemporaryDirectory(prefix="hashtide-mutants-") as folder:
        copy_tree(Path(folder))
        return try_all(Path(folder), chosen)


def part(every: list[Mutant], wanted: str) -> list[Mutant]:
    """The N-th of M parts, mixed: each has some of every stage."""
    number, _, parts = wanted.partition("/")
    at = int(time.time() // 86_400) % int(parts) if number == "today" else int(number) - 1
    say(f"mutants: part {at + 1} of {parts}")
    return every[at :: int(parts)]


def copy_tree(folder: Path) -> None:
    """The working tree as git sees it, changes that are not committed included."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        source, target = CHECKOUT / name, folder / name
        if source.is_symlink() or source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)


def try_all(folder: Path, chosen: Sequence[Mutant]) -> int:
    """Runs each mutant's tests with it, after all tests without any."""
    say(f"{len(chosen)} mutants; first their tests without any")
    status, output = run_tests(folder, sorted({test for each in chosen for test in each.tests}), 4 * LIMIT_S)
    if status != PASSED:
        say(f"{output}\nsome tests fail, or cannot run, without a mutant")
        return 1
    caught = sum([try_one(folder, each) for each in chosen])
    say(f"{len(chosen)} mutants tried, {caught} caught, {len(chosen) - caught} not")
    return int(caught < len(chosen))


def try_one(folder: Path, mutant: Mutant) -> bool:
    """Whether the tests fail with the mutant; the file is as before afterwards."""
    path = folder / mutant.file
    text = path.read_text("utf-8")
    began = time.monotonic()
    try:
        path.write_text(mutant.applied_to(text), "utf-8")
        status, output = run_tests(folder, mutant.tests, LIMIT_S)
    finally:
        path.write_text(text, "utf-8")
    words = {PASSED: "SURVIVED", FAILED: "caught", CUT_OFF: "TIME UP"}
    verdict = words.get(status, f"BROKEN (pytest's status {status})")
    say(f"{verdict:8} {time.monotonic() - began:6.1f} s  {mutant.breaks}")
    if status not in words:
        say(output)
    return status == FAILED


def run_tests(folder: Path, tests: Sequence[str], limit_s: float) -> tuple[int, str]:
    """Pytest's status, or CUT_OFF; and the end of what it wrote."""
    # Bytecode is told apart by second and size, which a mutant may share with what it replaces.
    env = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "HASHTIDE_PARTS": str(default_dir())}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    with tempfile.TemporaryFile("w+", errors="replace") as written:
        running = subprocess.Popen(
            command, cwd=folder, env=env, stdout=written, stderr=subprocess.STDOUT, start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # in the background it would be ignored
        )  # fmt: skip
        try:
            status = running.wait(limit_s)
        except subprocess.TimeoutExpired:
            status = CUT_OFF
        finally:
            end(running)
        written.seek(0)
        return status, written.read()[-4_000:]


def end(running: subprocess.Popen[bytes]) -> None:
    """As Ctrl+C would, so that the tests stop the services that they have started; else by force."""
    if running.poll() is None:
        running.send_signal(signal.SIGINT)
        try:
            running.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()


def say(line: str) -> None:
    """One line, at once."""
    print(line, flush=True)  # noqa: T201 - a command


if __name__ == "__main__":
    sys.exit(main())
