"""How fast a file gets into the topic, and where the time goes: `python bench/collect.py [--records 200000]`.

The environment's HASHTIDE_PARTS names the fetched parts; a broker of its own is started from them. Every figure is of
one run on one machine: compare the ratios. Prints one JSON object a line. `--only all` measures the whole only, to be
run in turn with another version of the code.
"""
# ruff: noqa: E402 - the jobs are no installed package: their folder goes on the path first

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent.parent / "jobs")]

import psutil

from collecting.collector import Collector
from collecting.publish.producer import ProducerSettings
from collecting.publish.publisher import Publisher
from collecting.source_api import Line
from collecting.sources import open_source
from collecting.spool.spool import Spool
from contract.source_address import SourceAddress
from tests.brokers import Broker

JOBS = Path(__file__).resolve().parent.parent / "jobs"
BUDGET_BYTES = 8 * 2**30


def write_posts(path: Path, records: int, size: int) -> None:
    """Posts of X v1.1 in little, each of `size` bytes; the text is noise in hexadecimal, so that lz4 has some work."""
    with path.open("wb") as file:
        for number in range(records):
            head = b'{"id_str":"%d","timestamp_ms":"1700000000000","lang":"en","entities":{"hashtags":[]},"text":"' % (
                10**18 + number
            )
            noise = os.urandom((size - len(head)) // 4).hex().encode()
            file.write(head + noise + b" word" * ((size - len(head) - len(noise) - 2) // 5) + b'"}\n')


def timed(what: str, records: int, work: Callable[[], object], baseline_s: float | None = None) -> float:
    """Runs it once and prints records per second, CPU seconds per million, and memory. Returns the seconds."""
    process = psutil.Process()
    cpu_s, begin_s = sum(process.cpu_times()[:2]), time.perf_counter()
    extra = work()
    took_s = time.perf_counter() - begin_s
    used_s = sum(process.cpu_times()[:2]) - cpu_s
    row: dict[str, Any] = {
        "what": what,
        "records_per_s": round(records / took_s),
        "cpu_s_per_million": round(used_s / records * 1e6, 1),
        "rss_mb": round(process.memory_info().rss / 2**20),
    }
    if baseline_s:
        row["times_plain_read"] = round(took_s / baseline_s, 1)
    if isinstance(extra, dict):
        row |= extra
    sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()
    return took_s


def read_plain(path: Path) -> None:
    """What reading the lines alone costs."""
    with path.open("rb") as file:
        for _ in file:
            pass


def file_address(path: Path) -> SourceAddress:
    """The address of a file of lines."""
    return SourceAddress("file", (str(path),))


def read_source(path: Path) -> None:
    """The file source, nobody behind it."""
    for _ in open_source([file_address(path)]).read(None, threading.Event()):
        pass


def spool_all(path: Path, directory: Path) -> None:
    """Source → spool, fsynced."""
    spool = Spool(directory, budget_bytes=BUDGET_BYTES)
    spool.begin("bench", "bench")
    for item in open_source([file_address(path)]).read(None, threading.Event()):
        if isinstance(item, Line):
            spool.append(item, 1_700_000_000_000)
    spool.sync()
    spool.close()


def publish_all(directory: Path, settings: ProducerSettings) -> None:
    """Spool → acknowledged, what is already in the spool."""
    for name in ("acked.json", "cluster"):  # of the last run, which was into another topic
        (directory / name).unlink(missing_ok=True)
    spool = Spool(directory, budget_bytes=BUDGET_BYTES)
    publisher, stop = Publisher(spool, settings), threading.Event()
    running = threading.Thread(target=publisher.run, args=(stop,))
    running.start()
    while publisher.acked.records < spool.durable.records:
        time.sleep(0.01)
    stop.set()
    running.join()
    spool.close()


def collect_all(path: Path, directory: Path, settings: ProducerSettings) -> dict[str, Any]:
    """All of it; memory is looked at on the way: it must not grow."""
    spool = Spool(directory, budget_bytes=BUDGET_BYTES)
    source = open_source([file_address(path)])
    rss: list[int] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.25):
            rss.append(psutil.Process().memory_info().rss // 2**20)

    watching = threading.Thread(target=watch)
    watching.start()
    last = Collector((file_address(path),), source, spool, Publisher(spool, settings)).run(threading.Event())
    done.set()
    watching.join()
    spool.close()
    rest = rss[len(rss) // 4 :] or [0]
    return {"status": last.status, "rss_mb_after_a_quarter": rest[0], "rss_mb_most": max(rest)}


def main() -> None:
    """Runs all of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--tiny", action="store_const", dest="records", const=2_000, help="only show that it runs")
    parser.add_argument("--bytes", type=int, default=1000)
    parser.add_argument("--only", choices=["all", "processes"], help="the whole in one process, or in several")
    given = parser.parse_args()
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_posts(folder / "posts.jsonl", given.records, given.bytes)
        broker = Broker(folder / "kafka", Path(os.environ["HASHTIDE_PARTS"]) / "jars" / "kafka")
        broker.format()
        try:
            broker.start()
            if given.only is None:
                _measure_parts(folder, given.records, broker)
            if given.only != "processes":
                _measure_whole(folder, given.records, broker)
            if given.only != "all":
                _measure_processes(folder, given.records, broker)
        finally:
            broker.stop()


def _measure_parts(folder: Path, records: int, broker: Broker) -> None:
    path = folder / "posts.jsonl"
    plain_s = timed("plain read", records, lambda: read_plain(path))
    timed("file source", records, lambda: read_source(path), plain_s)
    timed("source to spool", records, lambda: spool_all(path, folder / "spool"), plain_s)
    for compression in (None, "lz4", "zstd"):
        topic = broker.create_topic(f"publish-{compression}")
        publish = partial(
            publish_all, folder / "spool", ProducerSettings(broker.bootstrap_servers, topic, compression=compression)
        )
        timed(f"spool to acknowledged, {compression}", records, publish, plain_s)


def _measure_whole(folder: Path, records: int, broker: Broker) -> None:
    """Three times: the first run warms the broker's JVM up."""
    path = folder / "posts.jsonl"
    for number in (1, 2, 3):
        settings = ProducerSettings(broker.bootstrap_servers, broker.create_topic(f"all-{number}"))
        timed(f"all, as it runs, {number}", records, lambda: collect_all(path, folder / f"whole-{number}", settings))  # noqa: B023


def _measure_processes(folder: Path, records: int, broker: Broker) -> None:
    """One, two and three collectors at once, each with a spool and a file of its own; their start included."""
    for processes in (1, 2, 3):
        topic = broker.create_topic(f"processes-{processes}")
        began_s = time.perf_counter()
        running = [
            subprocess.Popen(
                [
                    sys.executable, str(JOBS / "collect.py"), "--source", f"file:{folder}/posts.jsonl",
                    "--spool", str(folder / f"spool-{processes}-{number}"), "--spool-budget-mb", "8192",
                    "--bootstrap-servers", broker.bootstrap_servers, "--topic", topic,
                ],
                stderr=subprocess.DEVNULL,
            )
            for number in range(processes)
        ]  # fmt: skip
        ended = [os.wait4(each.pid, 0) for each in running]
        took_s = time.perf_counter() - began_s
        statuses = [os.waitstatus_to_exitcode(status) for _, status, _ in ended]
        row = {
            "what": f"{processes} processes",
            "records_per_s": round(processes * records / took_s),
            "cpu_s_per_million": round(
                sum(use.ru_utime + use.ru_stime for *_, use in ended) / processes / records * 1e6, 1
            ),
            "rss_mb_most": max(use.ru_maxrss for *_, use in ended) // 1024,
            "exit": statuses,
        }
        sys.stdout.write(json.dumps(row) + "\n")
        if any(statuses):
            sys.exit("a collector failed")


if __name__ == "__main__":
    main()
