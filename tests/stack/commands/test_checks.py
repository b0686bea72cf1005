"""`./hashtide test`: what is run, what is counted, and when it fails."""

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stack.commands import checks
from stack.commands.checks import STAGES, Check, Runner, Tally, chosen, read_tally
from stack.commands.cli import app
from stack.config.errors import StackError

MARKS = ("unit", "spark", "postgres", "kafka", "flow", "cluster")


def run_tests(tmp_path: Path, source: str, *arguments: str) -> Tally:
    """What the runner counts for a test file of its own."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_it.py").write_text(source)
    runner = Runner(Path(sys.executable), {"PATH": ""})
    runner.run(Check("it", "pytest", ("-q", "-p", "no:cacheprovider", "-c", str(tmp_path / "pytest.ini"),
                                      "--rootdir", str(tmp_path), str(tmp_path), *arguments)))  # fmt: skip
    return runner.tally


def test_each_kind_of_outcome_is_counted_once(tmp_path: Path) -> None:
    source = """
import pytest
def test_passes(): pass
def test_fails(): assert False
@pytest.mark.skip(reason="no tool")
def test_is_skipped(): pass
@pytest.fixture
def breaks(): raise RuntimeError
def test_has_no_fixture(breaks): pass
"""
    assert run_tests(tmp_path, source) == Tally(passed=1, failed=2, skipped=1)


def test_a_stage_without_tests_does_not_fail(tmp_path: Path) -> None:
    assert run_tests(tmp_path, "def test_it(): pass\n", "-k", "other") == Tally()


def test_a_run_that_broke_off_is_a_failure(tmp_path: Path) -> None:
    assert run_tests(tmp_path, "import os\ndef test_it(): os._exit(9)\n").failed == 1
    assert run_tests(tmp_path, "def test_it(): pass\n", "--no-such-option").failed == 1
    assert run_tests(tmp_path, "syntax error\n").failed == 1


def test_a_status_of_failure_without_a_failing_test_counts(tmp_path: Path) -> None:
    assert read_tally(tmp_path / "absent.xml", status=1) == Tally(failed=1)


def test_a_failing_linter_fails_the_whole() -> None:
    runner = Runner(Path(sys.executable), {"PATH": ""})
    runner.run(Check("absent", "no_such_module"))
    runner.run(Check("present", "this"))
    assert runner.tally == Tally(passed=1, failed=1)


@pytest.mark.parametrize("number", range(2 ** len(MARKS)))
def test_every_test_but_the_clusters_runs_in_exactly_one_stage_whatever_its_marks(number: int) -> None:
    marks = {mark: bool(number >> at & 1) for at, mark in enumerate(MARKS)}
    taken = [stage for stage, expression in STAGES.items() if eval(expression, {}, marks)]  # noqa: S307 - pytest's too
    assert len(taken) == (0 if marks["cluster"] else 1)


def test_fast_leaves_out_the_flow_and_nothing_else() -> None:
    everything, fast = chosen(False, []), chosen(True, [])
    assert [check.name for check in everything if check not in fast] == ["tests: flow"]
    assert [check.module for check in everything[:3]] == ["ruff", "ruff", "mypy"]


def test_the_tests_of_the_recorded_data_are_a_part_of_their_own() -> None:
    assert [check.arguments[:2] for check in chosen(False, [], recorded=True)] == [("-m", "recorded and not cluster")]
    assert chosen(True, [], recorded=True)[0].arguments[:2] == ("-m", "recorded and not (flow or cluster)")


def test_chosen_paths_replace_the_stages() -> None:
    assert [check.arguments for check in chosen(False, ["tests/stack"])] == [("tests/stack",)]
    assert chosen(True, ["tests/stack"])[0].arguments == ("-m", "not flow", "tests/stack")


def test_mutants_are_tried_instead_of_the_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = [Check("mutants", "tests.mutants", ("--part", "2/10"))]
    monkeypatch.setattr(checks, "_run_all", lambda chosen, **_: 0 if chosen == expected else 9)
    assert CliRunner().invoke(app, ["test", "--mutants", "2/10"]).exit_code == 0


def test_the_last_line_is_the_tally_alone(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class NoParts:
        java_home = Path("/nonexistent")

    monkeypatch.setattr(checks, "ensure_environment", lambda *_, **__: Path(sys.executable))
    monkeypatch.setattr(checks, "fetch", lambda *_, with_tests: NoParts() if with_tests else None)
    monkeypatch.setattr(checks, "chosen", lambda *_, **__: [Check("present", "this")])
    assert checks.run(True, []) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 passed, 0 failed, 0 skipped"
    monkeypatch.setattr(checks, "chosen", lambda *_, **__: [])
    assert checks.run(True, []) == 1, "nothing was checked"


def test_without_an_engine_the_clusters_tests_say_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StackError, match=r"no `docker`.*\.ci/docker"):
        checks.run_cluster(False, [])


def test_the_clusters_tests_are_chosen_by_their_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[Check] = []
    monkeypatch.setattr(checks, "compose_program", lambda: ("docker", "compose"))
    monkeypatch.setattr(checks, "ensure_environment", lambda *_, **__: Path(sys.executable))
    monkeypatch.setattr(Runner, "run", lambda _, check: ran.append(check))
    assert checks.run_cluster(False, []) == 1, "nothing was checked"
    checks.run_cluster(True, ["tests/cluster/test_refused.py"])
    assert [check.arguments[:2] for check in ran] == [("-m", "cluster"), ("-m", "cluster_core")]
    assert [check.arguments[-1] for check in ran] == ["tests/cluster", "tests/cluster/test_refused.py"]
