"""What a running cluster in containers takes, by container, over a minute: `python bench/cluster_at_rest.py PROJECT`.

Memory is the working set as `docker stats` has it: what its processes hold and the files' pages that are in use, not
those that can be dropped. CPU is in cores, from the containers' own clocks, so it does not hang on what else the
machine does. Look at the shares.
"""

import argparse
import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

ENGINE = "/var/run/docker.sock"


@dataclass(frozen=True)
class Taken:
    """By one container, up to now.

    Attributes:
        memory_mb: working set, in 10^6 bytes.
        cpu_s: CPU seconds since it was started.
    """

    memory_mb: float
    cpu_s: float


def containers(project: str) -> dict[str, str]:
    """Returns the running containers of a compose project: id → name."""
    label = f"label=com.docker.compose.project={project}"
    said = _docker("ps", "--no-trunc", "--filter", label, "--format", "{{.ID}} {{.Names}}")
    return dict(line.split(maxsplit=1) for line in said.splitlines())


def look(found: Mapping[str, str]) -> dict[str, Taken]:
    """Returns what each container takes, by name."""
    return {name: _taken(container) for container, name in found.items()}


def _taken(container: str) -> Taken:
    # The engine's own figures: `docker stats` rounds them.
    engine = _Engine("localhost", timeout=60)
    engine.request("GET", f"/containers/{container}/stats?stream=false&one-shot=true")
    stats = json.load(engine.getresponse())
    engine.close()
    memory = stats["memory_stats"]
    # As the command line has it: cgroup v1 calls them total_inactive_file, v2 inactive_file.
    droppable = memory["stats"].get("total_inactive_file", memory["stats"].get("inactive_file", 0))
    return Taken((memory["usage"] - droppable) / 1e6, stats["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9)


class _Engine(http.client.HTTPConnection):
    """HTTP to the engine of this machine."""

    def connect(self) -> None:
        """Over its socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(ENGINE)


def _docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True, timeout=60).stdout


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", help="compose's name of it: the folder's, or what -p says")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--tiny", action="store_const", dest="seconds", const=2.0, help="only show that it runs")
    args = parser.parse_args()
    found = containers(args.project)
    if not found:
        sys.exit(f"no container of the project {args.project!r} runs")
    before, began_at = look(found), time.monotonic()
    time.sleep(args.seconds)
    after, took_s = look(found), time.monotonic() - began_at
    cpu = {name: (after[name].cpu_s - before[name].cpu_s) / took_s for name in after}
    for name in sorted(after, key=lambda each: -after[each].memory_mb):
        sys.stdout.write(f"{name:<40} {after[name].memory_mb:8.0f} MB {cpu[name]:7.3f} cores\n")
    total_mb = sum(each.memory_mb for each in after.values())
    sys.stdout.write(f"{'all':<40} {total_mb:8.0f} MB {sum(cpu.values()):7.3f} cores\n")


if __name__ == "__main__":
    main()
