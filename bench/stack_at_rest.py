"""What a running stack takes, by process, over a minute: `python bench/stack_at_rest.py [--home DIR]`.

Memory is the proportional set size. CPU is in cores, children that ended meanwhile included, so it does not hang on
what else the machine does. Look at the shares.
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psutil

from stack.config.settings import REPOSITORY
from stack.config.state_directory import StateDirectory
from stack.daemons.launch import Group, working_in
from stack.daemons.processes import collector_process


def processes(home: StateDirectory) -> dict[str, set[int]]:
    """Returns the pids of each part of the stack."""
    found = {path.stem: set(group.members()) for path in home.run.glob("*.group") if (group := Group.read(path))}
    found["postgres"] |= set(working_in(home.data / "postgres"))
    found["containers"] = set(working_in(home.nodemanager_local, below=True))
    if collector := collector_process(home):
        found["collector"] = {collector.pid}
    return found


def cpu_s(pids: set[int]) -> float:
    """Returns the CPU seconds that processes and their ended children have used."""
    total = 0.0
    for pid in pids:
        try:
            times = psutil.Process(pid).cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def memory_mb(pids: set[int]) -> float:
    """Returns the proportional set size in 10^6 bytes."""
    total = 0.0
    for pid in pids:
        try:
            total += psutil.Process(pid).memory_full_info().pss / 1e6
        except psutil.Error:
            continue
    return total


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=REPOSITORY / ".hashtide")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--tiny", action="store_const", dest="seconds", const=2.0, help="only show that it runs")
    args = parser.parse_args()
    parts = processes(StateDirectory(args.home.resolve()))
    before = {name: cpu_s(pids) for name, pids in parts.items()}
    time.sleep(args.seconds)
    cpu = {name: max(0.0, cpu_s(pids) - before[name]) / args.seconds for name, pids in parts.items()}
    memory = {name: memory_mb(pids) for name, pids in parts.items()}
    for name in sorted(parts, key=lambda each: -cpu[each]):
        sys.stdout.write(f"{name:<24} {memory[name]:8.0f} MB {cpu[name]:7.3f} cores\n")
    sys.stdout.write(f"{'all':<24} {sum(memory.values()):8.0f} MB {sum(cpu.values()):7.3f} cores\n")


if __name__ == "__main__":
    main()
