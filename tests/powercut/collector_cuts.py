"""Collector and Kafka on one disk whose power is cut, again and again: then the topic against the file that was read.

    python -m tests.powercut.collector_cuts --cuts 10

Needs root and loop mounts, see `loop_device`. HASHTIDE_PARTS names the fetched parts. Exit status 0: each line is in
the topic, in order, under one key.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.brokers import Broker
from tests.flow.inputs import REPOSITORY
from tests.powercut.loop_device import LoopDevice
from tests.powercut.topic import TopicRecord, differences

TOPIC = "posts"
LINES_PER_S = 400
END_WITHIN_S = 600


def main() -> int:
    """Cuts and compares; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cuts", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    chance = random.Random(given.seed)  # noqa: S311
    jars = Path(os.environ["HASHTIDE_PARTS"]) / "jars" / "kafka"
    with tempfile.TemporaryDirectory(prefix="hashtide-cuts-") as name:
        lines = [b'{"id_str":"%d","text":"#a %s"}' % (n, b"x" * (n % 211)) for n in range(given.cuts * 2000 + 500)]
        source = Path(name) / "lines"
        source.write_bytes(b"".join(line + b"\n" for line in lines))
        device = LoopDevice(Path(name) / "disk.img", Path(name) / "disk", megabytes=2000)
        try:
            broker = Broker(device.root / "kafka", jars)
            broker.format()
            os.sync()
            broker.start()
            broker.create_topic(TOPIC, partitions=1)
            for number in range(1, given.cuts + 1):
                collector = collect(device.root, source, broker)
                wait_for(acked(device.root) + chance.randint(100, 2000), device.root)
                device.cut()
                collector.wait()
                broker.process = None
                broker.start()
                sys.stdout.write(f"cut {number}: {sum(1 for _ in broker.read(TOPIC))} records in the topic\n")
                sys.stdout.flush()
            collect(device.root, source, broker).wait(timeout=END_WITHIN_S)
            records = [TopicRecord((record.key, record.value)) for record in broker.read(TOPIC)]
            state = json.loads((device.root / "spool" / "state.json").read_bytes())
        finally:
            device.close()
    wrong = differences(records, [lines])
    sys.stdout.write(
        f"{given.cuts} cuts, {len(lines)} lines, {len(records)} records, {state['status']}: {wrong or 'ok'}\n"
    )
    return int(bool(wrong) or state["status"] != "finished")


def acked(root: Path) -> int:
    """How many records the collector knows to be acknowledged."""
    path = root / "spool" / "acked.json"
    return int(json.loads(path.read_bytes())["records"]) if path.exists() else 0


def wait_for(records: int, root: Path) -> None:
    """Until so many are acknowledged. Raises TimeoutError."""
    deadline_s = time.monotonic() + END_WITHIN_S
    while acked(root) < records:
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"{acked(root)} records are acknowledged, not {records}")
        time.sleep(0.02)


def collect(root: Path, source: Path, broker: Broker) -> subprocess.Popen[bytes]:
    """The real collector, with its spool on the disk."""
    (root / "spool").mkdir(exist_ok=True)
    command = [sys.executable, str(REPOSITORY / "jobs" / "collect.py"), "--spool", str(root / "spool")]
    command += ["--source", f"file:{source},pace={LINES_PER_S},dialect=x"]
    command += ["--bootstrap-servers", broker.bootstrap_servers, "--topic", TOPIC]
    with (root / "collector.log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, cwd=root)


if __name__ == "__main__":
    sys.exit(main())
