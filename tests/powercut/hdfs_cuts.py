"""HDFS with the product's settings on a disk whose power is cut: what it has acknowledged is there, byte for byte.

    python -m tests.powercut.hdfs_cuts --cuts 10

Files are written and renamed as a batch's are, by WebHDFS, from a process that the cut doesn't harm. Needs root and
loop mounts, see `loop_device`. HASHTIDE_PARTS names the fetched parts. Exit status 0: all is there.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import requests

from stack.daemons.rendering import render
from tests.brokers import HOST, free_port
from tests.powercut.loop_device import LoopDevice

UP_WITHIN_S = 600.0
SERVER = "org.apache.hadoop.hdfs.server"
PORTS = ("namenode", "namenode_http", "datanode", "datanode_http", "datanode_ipc")


@dataclass
class Hdfs:
    """A NameNode and a DataNode, both on the given disk.

    Attributes:
        acknowledged: digest of each file whose creation and rename were acknowledged.
    """

    root: Path
    jars: Path
    ports: dict[str, int] = field(default_factory=lambda: {name: free_port() for name in PORTS})
    acknowledged: dict[str, str] = field(default_factory=dict)

    def format(self) -> None:
        """An empty file system with the product's settings."""
        conf = self.root / "conf"
        conf.mkdir()
        hosts = dict.fromkeys(("namenode", "datanode"), HOST)
        values = {"home": str(self.root), "hosts": hosts, "ports": self.ports, "cluster": False, "user": "root"}
        for name in ("core-site.xml", "hdfs-site.xml"):
            (conf / name).write_text(render(name, values))
        subprocess.run(self._java("namenode.NameNode", "-format", "-nonInteractive"), check=True, capture_output=True)
        os.sync()

    def _java(self, main: str, *words: str) -> list[str]:
        home = os.environ["JAVA_HOME"]
        class_path = f"{self.root / 'conf'}:{self.jars}/*"
        return [f"{home}/bin/java", "-Xmx192m", "-XX:+UseSerialGC", "-cp", class_path, f"{SERVER}.{main}", *words]

    def start(self) -> None:
        """Both daemons, until blocks can be read. Raises TimeoutError."""
        for main in ("namenode.NameNode", "datanode.DataNode"):
            with (self.root / f"{main}.log").open("ab") as log:
                subprocess.Popen(self._java(main), stdout=log, stderr=log, cwd=self.root)
        deadline_s = time.monotonic() + UP_WITHIN_S
        while time.monotonic() < deadline_s:
            with suppress(requests.RequestException, LookupError):
                bean = "Hadoop:service=NameNode,name=NameNodeInfo"
                answer = requests.get(f"http://{HOST}:{self.ports['namenode_http']}/jmx", {"qry": bean}, timeout=5)
                found = answer.json()["beans"][0]
                if not found["Safemode"] and found["LiveNodes"] != "{}":
                    return
            time.sleep(0.5)
        ends = [path.read_text(errors="replace")[-1000:] for path in self.root.glob("*.log")]
        raise TimeoutError(f"HDFS does not leave its safe mode: {ends}")

    def _ask(self, method: str, path: str, data: bytes | None = None, **query: str) -> requests.Response:
        url = f"http://{HOST}:{self.ports['namenode_http']}/webhdfs/v1{path}"
        answer = requests.request(method, url, params={"user.name": "root", **query}, data=data, timeout=30)
        answer.raise_for_status()
        return answer

    def write(self, stop: threading.Event, chance: random.Random) -> None:
        """Writes files until `stop`, or until HDFS is away."""
        with suppress(requests.RequestException):
            while not stop.is_set():
                name, content = f"/files/{len(self.acknowledged)}", chance.randbytes(chance.randint(1, 200_000))
                self._ask("PUT", f"{name}.aside", content, op="CREATE", overwrite="true")
                if self._ask("PUT", f"{name}.aside", op="RENAME", destination=name).json()["boolean"]:
                    self.acknowledged[name] = hashlib.sha256(content).hexdigest()

    def wait_for(self, files: int, writing: threading.Thread) -> None:
        """Until so many are acknowledged. Raises TimeoutError."""
        deadline_s = time.monotonic() + UP_WITHIN_S
        while len(self.acknowledged) < files:
            if not writing.is_alive() or time.monotonic() > deadline_s:
                raise TimeoutError(f"HDFS has taken {len(self.acknowledged)} files, not {files}")
            time.sleep(0.01)

    def missing(self) -> list[str]:
        """What was acknowledged and is not there as it was."""
        wrong = []
        for name, digest in self.acknowledged.items():
            try:
                content = self._ask("GET", name, op="OPEN").content
            except requests.RequestException as error:
                wrong.append(f"{name}: {error}")
                continue
            if hashlib.sha256(content).hexdigest() != digest:
                wrong.append(f"{name}: {len(content)} other bytes")
        return wrong


def main() -> int:
    """Cuts and compares; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cuts", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    chance = random.Random(given.seed)  # noqa: S311
    jars = Path(os.environ["HASHTIDE_PARTS"]) / "jars" / "hadoop"
    with tempfile.TemporaryDirectory(prefix="hashtide-cuts-") as name:
        device = LoopDevice(Path(name) / "disk.img", Path(name) / "disk", megabytes=2000)
        hdfs = Hdfs(device.root, jars)
        try:
            hdfs.format()
            hdfs.start()
            for number in range(1, given.cuts + 1):
                stop = threading.Event()
                writing = threading.Thread(target=hdfs.write, args=(stop, chance))
                writing.start()
                hdfs.wait_for(len(hdfs.acknowledged) + chance.randint(3, 30), writing)
                time.sleep(chance.uniform(0, 0.5))
                device.cut()
                stop.set()
                writing.join()
                hdfs.start()
                wrong = hdfs.missing()
                sys.stdout.write(f"cut {number}: {len(hdfs.acknowledged)} files acknowledged, {len(wrong)} wrong\n")
                sys.stdout.writelines(f"{each}\n" for each in wrong[:5])
                sys.stdout.flush()
                if wrong:
                    return 1
        finally:
            device.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
