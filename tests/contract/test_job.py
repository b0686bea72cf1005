"""How a job ends: the exit status, and one line for each error."""

import subprocess
import sys
from pathlib import Path

import pytest

from contract.job import JobFailedError, JobParser, job_main, one_line

REPO = Path(__file__).resolve().parents[2]
PARSER = JobParser("a.py", "What it does.\n\nMore.")


def failing(error: Exception) -> None:
    raise error


def test_what_returns_nothing_is_done() -> None:
    assert job_main("a", lambda: None) == 0


def test_a_status_of_its_own_is_kept() -> None:
    assert job_main("a", lambda: 2) == 2


@pytest.mark.parametrize("error", [JobFailedError("h:1:\n  refused"), OSError("h:1:\n  refused")])
def test_a_failure_is_one_line_and_status_1(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    assert job_main("a", lambda: failing(error), OSError) == 1
    assert [(each.name, each.levelname, each.getMessage()) for each in caplog.records] == [
        ("a", "ERROR", "h:1: refused")
    ]


def test_a_failure_without_a_message_is_named(caplog: pytest.LogCaptureFixture) -> None:
    assert job_main("a", lambda: failing(TimeoutError()), OSError) == 1
    assert caplog.messages == ["TimeoutError"]


def test_a_bug_shows_its_trace() -> None:
    with pytest.raises(KeyError):
        job_main("a", lambda: failing(KeyError("x")), OSError)


def test_the_log_is_on_stderr_in_one_format() -> None:
    code = "from contract.job import job_main; import logging, sys; log = logging.getLogger('a')\n"
    code += "sys.exit(job_main('a', lambda: log.info('said')))"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert done.stderr.rstrip().endswith(" INFO a: said")


def test_a_wrong_argument_is_one_line_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        PARSER.parse_args(["--nothing"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == "a.py: error: unrecognized arguments: --nothing\n"


def test_a_variable_that_is_not_set_is_a_wrong_argument(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("A_DSN", "dbname=x")
    assert PARSER.environment("A_DSN", "where the books are") == "dbname=x"
    monkeypatch.setenv("A_DSN", "")
    with pytest.raises(SystemExit) as ended:
        PARSER.environment("A_DSN", "where the books are")
    assert ended.value.code == 2
    assert capsys.readouterr().err == "a.py: error: A_DSN is not set: where the books are\n"


def test_it_needs_the_standard_library_only() -> None:
    code = "import sys; before = set(sys.modules); import contract.job; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=REPO, capture_output=True, text=True, check=True)
    tops = {name.partition(".")[0] for name in done.stdout.split()}
    assert tops - set(sys.stdlib_module_names) == {"contract"}


def test_one_line_has_single_blanks() -> None:
    assert one_line("a\n\tb  c ") == "a b c"
