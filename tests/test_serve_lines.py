"""The line server as a process, with real clients: the source `tcp`, and plain sockets."""

import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from collecting.source_api import Line
from tests.collecting.sources.reading import open_source

SCRIPT = Path(__file__).resolve().parent.parent / "jobs" / "serve_lines.py"
LOGGED = r"\S+ \S+ INFO serve_lines: "
Started = tuple[subprocess.Popen[str], int]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Started]]:
    running: list[subprocess.Popen[str]] = []

    def one(content: bytes, *options: str) -> Started:
        (tmp_path / "lines").write_bytes(content)
        words = [sys.executable, str(SCRIPT), "-h", "127.0.0.1", "-p", "0", "-f", str(tmp_path / "lines"), *options]
        server = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
        running.append(server)
        assert server.stderr is not None
        found = re.fullmatch(rf"{LOGGED}listening on 127\.0\.0\.1:(\d+)\n", server.stderr.readline())
        assert found
        return server, int(found[1])

    yield one
    for server in running:
        server.kill()
        server.communicate()


def received(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port)) as client:
        return b"".join(iter(lambda: client.recv(65536), b""))


def test_each_client_gets_the_file_from_its_beginning(serve: Callable[..., Started]) -> None:
    _, port = serve(b"one\r\n\ntwo\nlast", "-d", "0")
    assert received(port) == b"one\n\ntwo\nlast\n"
    assert received(port) == b"one\n\ntwo\nlast\n"


def test_the_source_tcp_reads_what_it_serves(serve: Callable[..., Started]) -> None:
    _, port = serve("één #tag\nzwei\n".encode() * 500, "-d", "0")
    items = list(open_source(f"tcp:127.0.0.1:{port},ends=1").read(None, threading.Event()))
    assert [item.raw.decode() for item in items if isinstance(item, Line)] == ["één #tag", "zwei"] * 500


def test_a_field_of_json_lines_is_sent_on_one_line_and_broken_lines_are_counted(serve: Callable[..., Started]) -> None:
    content = (
        b'{"reviewText":"good\\nthing"}\n{"reviewText":5}\n{"other":"x"}\n{torn\n[]\n\xff\n\n{"reviewText":"\\u00e9"}\n'
    )
    server, port = serve(content, "-d", "0", "--field", "reviewText")
    assert received(port).decode() == "good thing\né\n"
    assert server.stderr is not None
    assert re.match(rf"{LOGGED}serving", server.stderr.readline())
    assert re.fullmatch(rf"{LOGGED}2 lines sent, 6 broken ones left out\n", server.stderr.readline())


def test_a_line_is_sent_each_delay(serve: Callable[..., Started]) -> None:
    _, port = serve(b"a\nb\nc\n", "-d", "0.3")
    began_s = time.monotonic()
    assert received(port) == b"a\nb\nc\n"
    assert 0.85 < time.monotonic() - began_s < 10


def test_a_client_that_goes_away_does_not_end_it(serve: Callable[..., Started]) -> None:
    _, port = serve(b"line\n" * 200_000, "-d", "0")
    socket.create_connection(("127.0.0.1", port)).close()
    assert received(port).count(b"\n") == 200_000


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_soon_also_with_a_client_that_does_not_read(
    serve: Callable[..., Started], number: signal.Signals
) -> None:
    server, port = serve(b"x" * 10_000_000 + b"\n", "-d", "0")
    with socket.create_connection(("127.0.0.1", port)):
        time.sleep(0.5)
        server.send_signal(number)
        assert server.wait(timeout=10) == 0


def test_it_ends_when_no_client_comes(serve: Callable[..., Started]) -> None:
    server, _ = serve(b"a\n")
    began_s = time.monotonic()
    assert server.wait(timeout=60) == 1
    assert time.monotonic() - began_s > 9


def test_help_is_there_though_h_is_the_host() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "--help"], capture_output=True, text=True, check=True, timeout=60)
    assert "--host" in done.stdout


@pytest.mark.parametrize("words", [["-f", "/nowhere"], ["-d", "-1"], ["-p", "70000"], ["-d", "nan"], []])
def test_a_wrong_argument_is_status_2(words: list[str]) -> None:
    given = words if "-f" in words or not words else ["-f", str(SCRIPT), *words]
    done = subprocess.run([sys.executable, SCRIPT, *given], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
