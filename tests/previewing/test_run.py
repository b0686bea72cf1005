"""Previews as they are run: a process, files or a line server, and kill -9."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from kafka import KafkaProducer
from pyspark.sql import SparkSession

from previewing.run import run
from previewing.settings import parse_arguments
from tests.brokers import Broker
from tests.previewing.lines import author_line, lines, tallied

pytestmark = [pytest.mark.spark, pytest.mark.timeout(400)]

JOB = Path(__file__).resolve().parents[2] / "jobs" / "preview.py"
WITHIN_S = 150


def preview(*options: str) -> "subprocess.Popen[str]":
    command = [sys.executable, str(JOB), *options, "--master", "local[2]", "--shuffle-partitions", "2"]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def ended(process: "subprocess.Popen[str]") -> str:
    try:
        output, _ = process.communicate(timeout=WITHIN_S)
    finally:
        kill(process)
    assert process.returncode == 0, output
    return output


def kill(process: "subprocess.Popen[str]") -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


def wait_for(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not true():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.1)


def saved(file: Path) -> Counter[str]:
    rows = (line.split("\t") for line in file.read_text().splitlines())
    return Counter({term: int(posts) for posts, term in rows})


def newest(out: Path) -> Path:
    return max(out.glob("batch=*.txt"), key=lambda file: int(file.stem.partition("=")[2]))


def caught_up(spark: SparkSession, *options: str) -> None:
    run(spark, parse_arguments([*options, "--until-caught-up", "--master", "local[2]"]), lambda: False)


def filled(folder: Path, parts: int) -> list[list[bytes]]:
    folder.mkdir()
    sent = lines(5, 2000)
    cut = [sent[number::parts] for number in range(parts)]
    for number, part in enumerate(cut):
        path = folder / f"{number:03}.jsonl"
        path.write_bytes(b"\n".join(part) + b"\n")
        os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))
    return cut


def test_totals_go_on_from_the_checkpoint_after_kill_9_and_equal_a_recount(tmp_path: Path) -> None:
    parts, out = filled(tmp_path / "in", 8), tmp_path / "out"
    options = ["--mode", "totals", "--source", f"file:{tmp_path / 'in'}", "--sink", f"text:{out}"]
    options += ["--checkpoint", (tmp_path / "checkpoint").as_uri(), "--max-files-per-batch", "1", "--until-caught-up"]
    first = preview(*options)
    try:
        wait_for(lambda: (out / "batch=2.txt").exists())
    finally:
        kill(first)
    assert len(list(out.glob("batch=*"))) < 7, "the kill came too late to show anything"
    ended(preview(*options))
    # How many batches there are depends on the kill: one that was not yet planned has its file and the next one's.
    assert saved(newest(out)) == tallied(line for part in parts for line in part)
    ranks = [int(line.split("\t")[0]) for line in newest(out).read_text().splitlines()]
    assert ranks == sorted(ranks, reverse=True)


def test_each_batch_is_counted_by_itself_and_saved_as_parquet(spark: SparkSession, tmp_path: Path) -> None:
    parts, out = filled(tmp_path / "in", 3), tmp_path / "out"
    options = ["--mode", "batch", "--source", f"file:{tmp_path / 'in'}", "--sink", f"parquet:{out}"]
    caught_up(spark, *options, "--metric", "word", "--max-files-per-batch", "1")
    for number, part in enumerate(parts):
        rows = pq.read_table(out / f"batch={number}").to_pylist()
        assert {row["term"]: row["posts"] for row in rows} == tallied(part, "word")


def test_an_authors_latest_name_counts_and_the_most_friends_come_first(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    posts = [
        author_line(1, 7, "Old name", 10, 1),
        author_line(3, 7, "New 🎉", 40, 2),
        author_line(2, 7, "Between", 99, 3),
        author_line(4, 8, " \x00 ", 50, 4),
    ]
    (tmp_path / "posts.jsonl").write_bytes(b"\n".join(posts))
    source = f"file:{tmp_path / 'posts.jsonl'}"
    caught_up(spark, "--mode", "totals", "--source", source, "--metric", "author")
    output = capsys.readouterr().out
    table = output[output.index("author\n") :].splitlines()[1:3]
    assert [row.split() for row in table] == [["50", "4", "1", "No", "name"], ["40", "2", "3", "New", "🎉"]]


def test_lines_of_a_server_are_counted_in_windows_until_the_time_is_over(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sent, out = lines(6, 300), tmp_path / "out"
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"".join(line + b"\r\n" for line in sent))
            time.sleep(60)

    threading.Thread(target=serve, daemon=True).start()
    port = server.getsockname()[1]
    options = ["--mode", "window", "--source", f"tcp:127.0.0.1:{port}", "--sink", f"text:{out}", "--master", "local[2]"]
    options += ["--window-s", "600", "--slide-s", "2", "--duration-s", "8"]
    run(spark, parse_arguments(options), lambda: False)
    assert f"tcp 127.0.0.1:{port}: connected" in capsys.readouterr().out
    assert saved(newest(out)) == tallied(sent)
    server.close()


def test_another_preview_does_not_resume_from_a_checkpoint(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(lines(1, 20)[0])
    options = ["--mode", "totals", "--source", f"file:{tmp_path / 'a'}"]
    options += ["--checkpoint", (tmp_path / "checkpoint").as_uri()]
    caught_up(spark, *options)
    other = preview(*options, "--metric", "word", "--until-caught-up")
    output, _ = other.communicate(timeout=WITHIN_S)
    assert other.returncode == 1
    assert "is of another preview, metric hashtag (asked for: word)" in output.splitlines()[-1]


def test_a_file_that_is_not_there_is_named(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"--source: file://{tmp_path / 'b'} does not exist"):
        caught_up(spark, "--mode", "batch", "--source", f"file:{tmp_path / 'b'}")


def test_a_file_that_is_moved_in_later_counts_however_old_it_is(spark: SparkSession, tmp_path: Path) -> None:
    parts, out = filled(tmp_path / "in", 2), tmp_path / "out"
    options = ["--mode", "totals", "--source", f"file:{tmp_path / 'in'}", "--sink", f"text:{out}"]
    options += ["--checkpoint", (tmp_path / "checkpoint").as_uri()]
    (tmp_path / "in" / "000.jsonl").rename(tmp_path / "old.jsonl")
    os.utime(tmp_path / "old.jsonl", (1_000_000_000, 1_000_000_000))
    caught_up(spark, *options)
    assert saved(newest(out)) == tallied(parts[1])
    (tmp_path / "old.jsonl").rename(tmp_path / "in" / "old.jsonl")
    caught_up(spark, *options)
    assert saved(newest(out)) == tallied([*parts[0], *parts[1]])


@pytest.mark.kafka
def test_totals_of_the_topic_go_on_where_they_were(spark: SparkSession, tmp_path: Path, broker: Broker) -> None:
    topic, out = broker.create_topic("looked-at", 2), tmp_path / "out"
    sent = lines(8, 3000)
    options = ["--mode", "totals", "--source", "kafka", "--bootstrap-servers", broker.bootstrap_servers]
    options += ["--topic", topic, "--sink", f"text:{out}", "--checkpoint", (tmp_path / "checkpoint").as_uri()]
    options += ["--max-records-per-batch", "1000", "--first-offsets", "earliest"]
    for part in (sent[:1500], sent[1500:]):
        producer = KafkaProducer(bootstrap_servers=broker.bootstrap_servers)
        for number, line in enumerate(part):
            producer.send(topic, line, partition=number % 2)
        producer.flush()
        producer.close()
        caught_up(spark, *options)
    assert saved(newest(out)) == tallied(sent)
    assert len(list(out.glob("batch=*.txt"))) >= 4
