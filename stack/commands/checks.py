"""`./hashtide test`: all checks of the project, the fastest first."""

import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stack.commands.docker import compose_program
from stack.toolchain import LineReport, ToolchainError, default_dir, fetch
from stack.toolchain.bootstrap import CHECKOUT, command_environment, ensure_environment

NO_TESTS_COLLECTED = 5
# Each test runs in exactly one stage, even with several marks. Tests of the cluster run only when named: they need a
# Docker engine and the memory of a second stack.
STAGES = {
    "unit": "not (spark or postgres or kafka or flow or cluster)",
    "spark": "spark and not (flow or cluster)",
    "postgres and kafka": "(postgres or kafka) and not (spark or flow or cluster)",
    "flow": "flow and not cluster",
}
LIVE_LOG = ("-v", "--override-ini=log_cli=true", "--override-ini=log_cli_level=INFO")  # minutes pass between its dots


@dataclass(frozen=True)
class Check:
    """One step: its name, the module that the venv's Python runs, its arguments."""

    name: str
    module: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tally:
    """Numbers of passed, failed and skipped tests; a linter's run counts as one."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


@dataclass
class Runner:
    """Runs checks one after the other with live output, and sums the tallies."""

    python: Path
    env: dict[str, str]
    tally: Tally = field(default_factory=Tally)

    def run(self, check: Check) -> None:
        """Runs one check and prints its name, seconds and tally."""
        _say(f"── {check.name}")
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="hashtide-test-") as folder:
            report = Path(folder) / "junit.xml"
            more = [f"--junitxml={report}"] if check.module == "pytest" else []
            command = [str(self.python), "-m", check.module, *more, *check.arguments]
            status = subprocess.run(command, cwd=CHECKOUT, env=self.env, check=False).returncode
            tally = read_tally(report, status) if more else Tally(passed=int(status == 0), failed=int(status != 0))
        self.tally += tally
        _say(f"── {check.name}: {tally} · {time.monotonic() - began:.1f} s\n")


def run(fast: bool, selected: list[str], *, recorded: bool = False) -> int:
    """Runs the checks with live output; `fast` omits the flow test.

    `selected` (pytest paths) replaces the stages, and so does `recorded`: only the tests of the recorded data.

    The last line is `N passed, N failed, N skipped`.

    Returns:
        The exit status: 0 only if something was checked and nothing failed.
    """
    return _run_all(chosen(fast, selected, recorded=recorded), with_jars=True)


def run_mutants(part: str) -> int:
    """Tries the mutants of tests/mutants in a copy of the working tree.

    Args:
        part: `1/1` for all, `2/10` for the second of ten parts, `today/10` for the day's.

    Returns:
        The exit status: 0 only if each of them was caught.
    """
    return _run_all([Check("mutants", "tests.mutants", ("--part", part))], with_jars=True)


def run_cluster(core_only: bool, selected: Sequence[str]) -> int:
    """Builds and starts docker-compose.yml as a project of its own, tests it, and removes what it created.

    Args:
        core_only: without Airflow and YARN: what a build and the core services are enough for.
        selected: pytest paths below tests/cluster, or none for all.

    Returns:
        The exit status, as of `run`.

    Raises:
        StackError: no Docker engine answers, or there is no compose program.
    """
    _say(f"with {' '.join(compose_program())}")
    marks = "cluster_core" if core_only else "cluster"
    arguments = ("-m", marks, *LIVE_LOG, *(selected or ["tests/cluster"]))
    return _run_all([Check("tests: cluster", "pytest", arguments)], with_jars=False)


def _run_all(checks: Sequence[Check], *, with_jars: bool) -> int:
    began = time.monotonic()
    report, env = LineReport(), command_environment(default_dir())
    try:
        python = ensure_environment(default_dir(), report, with_tests=True)
        if with_jars:
            java_home = fetch(default_dir(), report, with_tests=True).java_home
            path = f"{python.parent}{os.pathsep}{os.environ.get('PATH', '')}"
            env |= {"JAVA_HOME": str(java_home), "PATH": path}
    except ToolchainError as error:
        report.broke_off()
        sys.stderr.write(f"hashtide: {error}\n")
        return 1
    runner = Runner(python, env)
    for check in checks:
        runner.run(check)
    _say(f"{time.monotonic() - began:.0f} s in all")
    _say(str(runner.tally))
    return int(runner.tally.failed > 0 or runner.tally.passed == 0)


def chosen(fast: bool, selected: Sequence[str], *, recorded: bool = False) -> list[Check]:
    """The checks to run, in order."""
    if recorded:
        marks = f"recorded and not {'(flow or cluster)' if fast else 'cluster'}"
        return [Check("tests: recorded data", "pytest", ("-m", marks, *LIVE_LOG, *selected))]
    if selected:
        return [Check("selected tests", "pytest", (*(("-m", "not flow") if fast else ()), *selected))]
    checks = [
        Check("ruff check", "ruff", ("check", ".")),
        Check("ruff format", "ruff", ("format", "--check", ".")),
        Check("mypy", "mypy"),
    ]
    for stage, marks in STAGES.items():
        if not (fast and stage == "flow"):
            more = LIVE_LOG if stage == "flow" else ("-q",)
            checks.append(
                Check(f"tests: {stage}", "pytest", ("-m", marks, "--durations=5", "--durations-min=5", *more))
            )
    return checks


def read_tally(report: Path, status: int) -> Tally:
    """The tally of pytest's JUnit file; a run that failed without a failing test counts as a failure."""
    tally = Tally()
    if report.is_file():
        for suite in ET.parse(report).getroot().iter("testsuite"):  # noqa: S314 - our own pytest wrote it
            failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            skipped = int(suite.get("skipped", 0))
            # An error at teardown comes beside the same test's pass, so `tests` can be the smaller number.
            passed = max(0, int(suite.get("tests", 0)) - failed - skipped)
            tally += Tally(passed, failed, skipped)
    broke_off = status not in (0, NO_TESTS_COLLECTED) and not tally.failed
    return tally + Tally(failed=int(broke_off))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
