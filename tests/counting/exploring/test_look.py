"""Looks as they are run: a process, files or a line server, and kill -9."""

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

from tests.counting.exploring.lines import author_line, lines, tallied

pytestmark = [pytest.mark.spark, pytest.mark.timeout(400)]

JOB = Path(__file__).resolve().parents[3] / "jobs" / "count.py"
WITHIN_S = 150


def look(*options: str) -> "subprocess.Popen[str]":
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
    parts, out = filled(tmp_path / "in", 12), tmp_path / "out"
    options = ["--mode", "totals", "--source", f"file:{tmp_path / 'in'}", "--sink", f"text:{out}"]
    options += ["--checkpoint", (tmp_path / "checkpoint").as_uri(), "--max-files-per-batch", "1", "--until-caught-up"]
    first = look(*options)
    try:
        wait_for(lambda: (out / "batch=2.txt").exists())
    finally:
        kill(first)
    assert not (out / "batch=11.txt").exists(), "the kill came too late to show anything"
    ended(look(*options))
    assert saved(out / "batch=11.txt") == tallied(line for part in parts for line in part)
    ranks = [int(line.split("\t")[0]) for line in (out / "batch=11.txt").read_text().splitlines()]
    assert ranks == sorted(ranks, reverse=True)


def test_each_batch_is_counted_by_itself_and_saved_as_parquet(tmp_path: Path) -> None:
    parts, out = filled(tmp_path / "in", 3), tmp_path / "out"
    ended(
        look(
            *("--mode", "batch", "--source", f"file:{tmp_path / 'in'}", "--sink", f"parquet:{out}"),
            *("--metric", "word", "--max-files-per-batch", "1", "--until-caught-up"),
        )
    )
    for number, part in enumerate(parts):
        rows = pq.read_table(out / f"batch={number}").to_pylist()
        assert {row["term"]: row["posts"] for row in rows} == tallied(part, "word")


def test_an_authors_latest_name_counts_and_the_most_friends_come_first(tmp_path: Path) -> None:
    posts = [
        author_line(1, 7, "Old name", 10, 1),
        author_line(3, 7, "New 🎉", 40, 2),
        author_line(2, 7, "Between", 99, 3),
        author_line(4, 8, " \x00 ", 50, 4),
    ]
    (tmp_path / "posts.jsonl").write_bytes(b"\n".join(posts))
    source = f"file:{tmp_path / 'posts.jsonl'}"
    output = ended(look("--mode", "totals", "--source", source, "--metric", "author", "--until-caught-up"))
    table = output[output.index("author\n") :].splitlines()[1:3]
    assert [row.split() for row in table] == [["50", "4", "1", "No", "name"], ["40", "2", "3", "New", "🎉"]]


def test_lines_of_a_server_are_counted_in_windows_until_the_time_is_over(tmp_path: Path) -> None:
    sent, out = lines(6, 300), tmp_path / "out"
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"".join(line + b"\r\n" for line in sent))
            time.sleep(60)

    threading.Thread(target=serve, daemon=True).start()
    port = server.getsockname()[1]
    output = ended(
        look(
            *("--mode", "window", "--source", f"tcp:127.0.0.1:{port}", "--sink", f"text:{out}"),
            *("--window-s", "600", "--slide-s", "2", "--duration-s", "25"),
        )
    )
    assert f"tcp 127.0.0.1:{port}: connected" in output
    newest = max(out.glob("batch=*.txt"), key=lambda file: int(file.stem.partition("=")[2]))
    assert saved(newest) == tallied(sent)
    server.close()


def test_another_look_does_not_go_on_from_a_checkpoint_and_a_missing_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(lines(1, 20)[0])
    checkpoint = ("--checkpoint", (tmp_path / "checkpoint").as_uri(), "--until-caught-up")
    ended(look("--mode", "totals", "--source", f"file:{tmp_path / 'a'}", *checkpoint))
    other = look("--mode", "totals", "--source", f"file:{tmp_path / 'b'}", *checkpoint)
    output, _ = other.communicate(timeout=WITHIN_S)
    assert other.returncode == 1
    assert "is of another look, source file:" in output.splitlines()[-1]
    missing = look("--mode", "batch", "--source", f"file:{tmp_path / 'b'}", "--until-caught-up")
    output, _ = missing.communicate(timeout=WITHIN_S)
    assert missing.returncode == 1
    assert f"--source: file://{tmp_path / 'b'} does not exist" in output.splitlines()[-1]
