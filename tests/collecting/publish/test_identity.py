"""Keys: what is the same has one, whoever reads it and however often; what differs never shares one."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from collecting.collector import Reader
from collecting.publish.identity import record_key
from collecting.source_api import Gap, Item, Line, Source
from collecting.sources.merged import MergedSource
from collecting.sources.tcp import TcpSource
from collecting.spool.segments import EVENT, LINE, Record
from collecting.spool.spool import Spool
from contract.spool.position import NOWHERE
from tests.collecting.sources.reading import open_source


def keys_of(source: Source, spool_directory: Path) -> list[bytes]:
    """The keys under which a new spool publishes what the source yields."""
    spool = Spool(spool_directory, budget_bytes=2**30)
    try:
        cursor = spool.begin("address", source.source_id, replayable=source.replayable)
        Reader(source, cursor, spool, clock=lambda: 1_700_000_000.0).run(threading.Event())
        return [record_key(source_id, record) for _, source_id, record in spool.read(NOWHERE)]
    finally:
        spool.close()


class Listed:
    """A source of given items."""

    source_id = "listed"
    replayable = True
    cursor_inclusive = False

    def __init__(self, *items: Item) -> None:
        self._items = items

    def read(self, after: str | None, stop: threading.Event) -> Iterator[Item]:  # noqa: ARG002
        yield from self._items


@pytest.mark.parametrize(("post_id", "key"), [("x:7", b"x:7"), (None, b"x:8")])
def test_a_post_has_the_id_that_the_spool_has_and_else_its_own(post_id: str | None, key: bytes) -> None:
    """None: the segment is of a version that did not keep it."""
    raw = b'{"id":8,"id_str":"8","text":"a","timestamp_ms":"1700000000000"}'
    assert record_key("a", Record(0, LINE, 1, "c", "x", raw, post_id)) == key


@pytest.mark.parametrize("version", [1, 2])
def test_a_record_of_an_older_segment_keeps_its_key(version: int) -> None:
    """It may be in the topic already."""
    line = Record(0, LINE, 1, "c", "text", b"a", "", version=version)
    event = Record(0, EVENT, 99, "c", "hashtide", b"{}", "", version=version)
    assert [record_key("a", each) for each in (line, event)] == [b"line:a:c", b"note:a:c:99"]


def test_different_files_under_one_path_share_no_key(tmp_path: Path) -> None:
    path = tmp_path / "posts.txt"
    keys = []
    for machine in ("one", "two"):
        path.write_text("".join(f"{machine} {number}\n" for number in range(1000)))
        keys += keys_of(open_source(f"file:{path}"), tmp_path / machine)
    assert len(set(keys)) == len(keys) == 2000


def test_the_same_file_read_twice_has_the_same_keys(tmp_path: Path) -> None:
    path = tmp_path / "posts.txt"
    path.write_text("".join(f"line {number % 3}\n" for number in range(1000)))
    once, twice = (keys_of(open_source(f"file:{path}"), tmp_path / spool) for spool in ("one", "two"))
    assert once == twice
    assert len(set(once)) == 1000


def test_a_file_has_the_same_keys_alone_and_as_one_of_several_and_with_a_limit(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text("".join(f"{name} {number}\n" for number in range(50)))
    first, second = (keys_of(open_source(f"file:{tmp_path}/{each}"), tmp_path / f"of {each}") for each in ("a", "b"))
    both = MergedSource([open_source(f"file:{tmp_path}/{name}") for name in ("a", "b")])
    assert sorted(keys_of(both, tmp_path / "of both")) == sorted(first + second)
    limited = keys_of(open_source(f"file:{tmp_path}/a,limit=20"), tmp_path / "limited")
    assert limited == first[:20]


def test_equal_lines_of_two_line_servers_share_no_key(tmp_path: Path) -> None:
    """Both are called 127.0.0.1:PORT, each on its machine, and send at the same millisecond."""
    keys = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        for machine in ("one", "two"):
            threading.Thread(target=_serve, args=(server,), daemon=True).start()
            port = server.getsockname()[1]
            source = TcpSource("127.0.0.1", port, dialect="text", ends=True, clock=lambda: 1_700_000_000.0)
            keys += keys_of(source, tmp_path / machine)
    assert len(set(keys)) == len(keys) == 6


def _serve(server: socket.socket) -> None:
    client, _ = server.accept()
    with client:
        client.sendall(b"same\n" * 3)


def test_two_gaps_of_one_cursor_and_millisecond_have_two_keys(tmp_path: Path) -> None:
    gaps = [Gap("c", "one thing"), Gap("c", "another thing")]
    keys = keys_of(Listed(Line("c", b"a", "text"), *gaps), tmp_path / "spool")
    assert len(set(keys)) == 3
