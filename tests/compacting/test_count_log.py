"""What the count log holds, and what is to be done of it."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from compacting import webhdfs
from compacting.count_log import CountLogReader, new_batches
from compacting.errors import CountLogUnavailableError, MalformedBatchError, MissingBatchError
from tests.compacting.stream import Stream


@pytest.mark.parametrize(
    ("committed", "last", "todo"),
    [([], None, []), ([0, 1], None, [0, 1]), ([0, 1], 1, []), ([5, 6, 7], 5, [6, 7]), ([0, 1, 9], 9, [])],
)
def test_what_comes_after_the_last_one_is_new(committed: list[int], last: int | None, todo: list[int]) -> None:
    assert list(new_batches(committed, last)) == todo


@pytest.mark.parametrize(
    ("committed", "last", "missing"), [([1], None, 0), ([0, 1, 3], 1, 2), ([0, 1, 2, 4], 1, 3), ([9], 7, 8)]
)
def test_a_hole_is_named(committed: list[int], last: int | None, missing: int) -> None:
    with pytest.raises(MissingBatchError, match=f"batch {missing} is missing"):
        new_batches(committed, last)


def test_only_committed_batches_are_listed_in_the_order_of_their_numbers(stream: Stream) -> None:
    for _ in range(11):
        stream.write([])
    for other in ("_aside", "_aside/batch=99", "batch=x", "batch=007", ".batch=12.crc"):
        (stream.counts / "generation=1" / other).mkdir()
    assert CountLogReader(stream.url + "/", 1).batches() == list(range(11))
    assert CountLogReader(stream.url, 2).batches() == []


def test_the_manifest_s_files_are_the_batch_whatever_else_a_dead_task_left_in_its_folder(stream: Stream) -> None:
    stream.write([], files=2)
    log = CountLogReader(stream.url, 1)
    manifest, _ = log.manifest(0)
    (stream.folder(0) / "_SUCCESS").touch()
    (stream.folder(0) / "part-9.parquet").write_text("of a task that outlived its batch")
    assert [name for name, _ in log.files(manifest)] == [file.name for file in manifest.files]


def test_a_missing_file_of_a_batch_is_named(stream: Stream) -> None:
    stream.write([], files=2)
    log = CountLogReader(stream.url, 1)
    manifest, _ = log.manifest(0)
    (stream.folder(0) / manifest.files[1].name).unlink()
    with pytest.raises(MalformedBatchError, match=r"batch=0/part-00001\.zstd\.parquet is missing"):
        log.files(manifest)
    (stream.folder(0) / "manifest.json").unlink()
    with pytest.raises(MalformedBatchError, match=r"batch=0/manifest\.json is missing"):
        log.manifest(0)


def test_the_document_for_the_ledger_is_the_whole_file(stream: Stream) -> None:
    stream.write([])
    stream.change_manifest(0, of_a_newer_version=[1])
    _, document = CountLogReader(stream.url, 1).manifest(0)
    assert document == json.loads((stream.folder(0) / "manifest.json").read_text())


@contextmanager
def server_that_says(answer: bytes | None) -> Iterator[int]:
    """A port of ours; None: it takes the connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        held: list[socket.socket] = []

        def serve() -> None:
            connection, _ = server.accept()
            held.append(connection)
            if answer is not None:
                connection.recv(4096)
                connection.sendall(answer)
                connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join(10)
        for each in held:
            each.close()


def test_a_namenode_that_hangs_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhdfs, "HTTP_TIMEOUT_S", (0.3, 0.3))
    with server_that_says(None) as port, pytest.raises(CountLogUnavailableError, match="timed out"):
        CountLogReader(f"webhdfs://127.0.0.1:{port}/counts", 1).batches()


@pytest.mark.parametrize("status", [b"503 Unavailable", b"403 Forbidden"])
def test_a_namenode_that_can_not_is_said_so(status: bytes) -> None:
    body = b'{"RemoteException":{"exception":"SafeModeException","message":"starting up"}}'
    answer = b"HTTP/1.1 " + status + b"\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with server_that_says(answer) as port, pytest.raises(CountLogUnavailableError):
        CountLogReader(f"webhdfs://127.0.0.1:{port}/counts", 1).batches()
