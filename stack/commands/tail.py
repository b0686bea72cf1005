"""`./hashtide tail`: the newest posts of the running stack's topic, read by jobs/tail.py."""

import subprocess
import sys

from stack.config.endpoints import Endpoints
from stack.config.settings import REPOSITORY


def command(endpoints: Endpoints, lines: int, *, follow: bool) -> list[str]:
    """The command line of jobs/tail.py."""
    servers = ["--bootstrap-servers", endpoints.bootstrap_servers, "--topic", endpoints.topic]
    if endpoints.kafka_config:
        servers += ["--kafka-config", str(endpoints.kafka_config)]
    return [
        sys.executable, str(REPOSITORY / "jobs" / "tail.py"), *servers, "--lines", str(lines),
        *(["--follow"] if follow else []),
    ]  # fmt: skip


def run(endpoints: Endpoints, lines: int, *, follow: bool) -> int:
    """Runs the job on our own terminal; returns its exit status, 0 after Ctrl-C."""
    try:
        return subprocess.run(command(endpoints, lines, follow=follow), check=False).returncode
    except KeyboardInterrupt:
        return 0
