"""Processes that belong to a task: started as a list of arguments, in a group of their own, ended with the task."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time

from airflow.providers.standard.hooks.subprocess import SubprocessHook, SubprocessResult, working_directory

KILL_AFTER_S = 3.0  # Airflow's supervisor kills the task itself 5 s after its SIGTERM


class ProcessHook(SubprocessHook):
    """Airflow's own hook, with locks that live as long as the child, and an `end` that leaves nobody behind.

    Args:
        keep_open: file descriptors that the child inherits. The lock of one (`FileLock`) is held until the child
            has ended too, even where the task that started it was killed.
    """

    def __init__(self, keep_open: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.keep_open = keep_open

    def run_command(
        self,
        command: list[str],
        env: dict[str, str] | None = None,
        output_encoding: str = "utf-8",
        cwd: str | None = None,
    ) -> SubprocessResult:
        """Run it to its end; its output goes to the task's log, the last line is returned."""
        self.log.info("Running: %s", command)
        line = ""
        with working_directory(cwd=cwd) as folder:
            self.sub_process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=env,
                start_new_session=True,
                pass_fds=self.keep_open,
            )
            for raw in self.sub_process.stdout or ():
                line = raw.decode(output_encoding, errors="backslashreplace").rstrip()
                self.log.info("%s", line)
            status = self.sub_process.wait()
        self.log.info("Ended with status %s", status)
        return SubprocessResult(exit_code=status, output=line)

    def end(self) -> None:
        """SIGTERM to its whole group, and SIGKILL to those who stay."""
        process = self.sub_process
        if process is None or process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):  # raised as soon as the group is empty
            os.killpg(process.pid, signal.SIGTERM)  # its own session: the group's id is its pid
            deadline = time.monotonic() + KILL_AFTER_S
            while time.monotonic() < deadline:
                process.poll()
                os.killpg(process.pid, 0)
                time.sleep(0.05)
            self.log.warning("process group %s does not end; sending SIGKILL", process.pid)
            os.killpg(process.pid, signal.SIGKILL)


def environment(**secrets: str) -> dict[str, str]:
    """A child's environment: ours less Airflow's own variables, which hold keys and connections, and the `secrets`."""
    airflows = ("AIRFLOW__", "_AIRFLOW", "AIRFLOW_CONN_", "AIRFLOW_VAR_")
    ours = {name: value for name, value in os.environ.items() if not name.startswith(airflows)}
    return {**ours, "PYTHONUNBUFFERED": "1", **secrets}
