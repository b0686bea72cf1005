"""What `./hashtide up` refuses before it starts anything."""

import subprocess
import sys
from pathlib import Path

import pytest

from stack.config.settings import REPOSITORY


def up(home: Path, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "stack.commands.cli", "up", "--home", str(home), *words]
    env = {"PATH": "/usr/bin:/bin", **environment}
    return subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--source", "simulator", "--source", "file:/nowhere.jsonl"), "there is no file /nowhere.jsonl"),
        (
            ("--source", "simulator file:/nowhere.jsonl"),
            "--source: source 'simulator file:/nowhere.jsonl': several addresses",
        ),
        (("--source", "file:a,,b"), "an empty part between commas"),
        (("--source", "simulator", "--source", "rumour:today"), "--source: "),
        (("--source", " "), "--source is empty"),
        (("--source", "auto:terms"), "terms has no value; write terms=…"),
        (("--until-done",), "--until-done: auto never ends"),
        (("--source", "jetstream", "--until-done"), "--until-done: jetstream never ends"),
        (("--source", "x:url=http://name:canary@127.0.0.1", "--until-done"), "--source: "),
    ],
)
def test_one_clear_line_and_nothing_is_made(tmp_path: Path, words: tuple[str, ...], why: str) -> None:
    done = up(tmp_path / "home", *words)
    assert done.returncode == 1
    assert why in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "home").exists()
    assert "canary" not in done.stdout


def test_a_token_that_others_may_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("canary")
    (tmp_path / "token").chmod(0o644)
    done = up(tmp_path / "home", "--source", "simulator", HASHTIDE_X_TOKEN_FILE=str(tmp_path / "token"))
    assert done.returncode == 1
    assert "others may read" in done.stderr
    assert "canary" not in done.stdout + done.stderr
