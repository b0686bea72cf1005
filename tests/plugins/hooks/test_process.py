"""Processes that belong to a task."""

import contextlib
import os
import sys
import threading
import time

import psutil
import pytest

from hashtide_airflow.hooks.process import ProcessHook, environment

# Its child stays when it goes itself, unless the whole group is ended.
FAMILY = (
    "import subprocess, sys, time; c = subprocess.Popen([sys.executable, '-c', 'import signal, time; "
    "signal.signal(15, signal.SIG_IGN); time.sleep(60)']); print(c.pid, flush=True); time.sleep(60)"
)


def test_the_last_line_and_the_status_come_back() -> None:
    result = ProcessHook().run_command([sys.executable, "-c", "print('a'); print('b'); raise SystemExit(3)"])
    assert (result.exit_code, result.output) == (3, "b")


def test_arguments_are_never_a_shells() -> None:
    assert ProcessHook().run_command(["/bin/echo", "$(id); `id` | x"]).output == "$(id); `id` | x"


def test_the_end_reaches_the_whole_group() -> None:
    hook = ProcessHook()
    results: list[int] = []
    thread = threading.Thread(target=lambda: results.append(hook.run_command([sys.executable, "-c", FAMILY]).exit_code))
    thread.start()
    deadline = time.monotonic() + 20
    while (hook.sub_process is None or not family(hook.sub_process.pid)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert hook.sub_process is not None
    child = family(hook.sub_process.pid)[0]
    time.sleep(0.5)  # the child has to reach its signal handler
    hook.end()
    thread.join(10)
    with contextlib.suppress(psutil.NoSuchProcess):  # nobody may reap it here
        assert child.status() == psutil.STATUS_ZOMBIE
    assert results == [-15]


def family(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children()


def test_a_child_does_not_get_airflows_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "k")
    monkeypatch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "j")
    monkeypatch.setenv("AIRFLOW_CONN_HASHTIDE_REPORTER", "postgres://r:p@h/d")
    monkeypatch.setenv("JAVA_HOME", "/j")
    given = environment(HASHTIDE_COMPACTOR_DSN="d")
    assert not [name for name in given if name.startswith(("AIRFLOW__", "AIRFLOW_CONN"))]
    assert (given["JAVA_HOME"], given["HASHTIDE_COMPACTOR_DSN"]) == ("/j", "d")
    assert "HASHTIDE_COMPACTOR_DSN" not in os.environ
