"""Programs that fetch for us: their lines, their limit, and what they failed of."""

import os
import sys
import time

import pytest

from stack.toolchain.report import ToolchainError, UnreachableError
from stack.toolchain.running import Outcome, explain, run


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_lines_arrive_whole_from_both_streams_and_the_last_ones_are_kept() -> None:
    heard: list[str] = []
    code = "import sys; print('a', flush=True); sys.stderr.write('b\\xe9\\n'); sys.stderr.write('no end'); sys.exit(3)"
    outcome = run(python(code), env=os.environ, on_line=heard.append)
    assert outcome.status == 3
    assert outcome.tail == heard
    assert heard[0] == "a"
    assert heard[-1] == "no end"


def test_a_program_that_hangs_is_ended() -> None:
    began = time.monotonic()
    with pytest.raises(ToolchainError, match="has not ended within 1 s"):
        run(python("import time; time.sleep(60)"), env=os.environ, time_limit_s=1)
    assert time.monotonic() - began < 20


def test_a_program_is_ended_when_its_user_gives_up() -> None:
    pids: list[int] = []

    def give_up() -> None:
        if pids:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(
            python("import os, time; print(os.getpid(), flush=True); time.sleep(60)"),
            env=os.environ,
            on_line=lambda line: pids.append(int(line)),
            on_tick=give_up,
        )
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_a_program_that_is_not_there_is_an_error_of_one_line() -> None:
    with pytest.raises(ToolchainError, match="can't be started"):
        run(["/nonexistent/uv"], env=os.environ)


@pytest.mark.parametrize(
    ("line", "kind", "told"),
    [
        ("error: Failed to fetch: error sending request for url", UnreachableError, "no package registry answers"),
        ("dns error: failed to lookup address information", UnreachableError, "no package registry answers"),
        ("OSError: [Errno 28] No space left on device", ToolchainError, "disk is full; it needs 4 GB"),
        ("error: Hash mismatch for `six==1.17.0`", ToolchainError, "differs from the lock's digest: .*six"),
        ("Segmentation fault", ToolchainError, "failed with status 1: Segmentation fault"),
    ],
)
def test_a_failure_is_explained_in_one_line(line: str, kind: type[ToolchainError], told: str) -> None:
    error = explain("installing", Outcome(1, ["", line]), "it needs 4 GB")
    assert type(error) is kind
    assert "\n" not in str(error)
    with pytest.raises(kind, match=told):
        raise error
