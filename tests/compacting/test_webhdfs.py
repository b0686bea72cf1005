"""Which NameNode is asked, and as whom. That a real one answers so is for tests/test_existing_cluster.py to show."""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from compacting.count_log import CountLogReader
from compacting.errors import CountLogUnavailableError
from compacting.webhdfs import parse
from contract.hadoop_access import Access
from tests.compacting.stream import Stream


class NameNode(ThreadingHTTPServer):
    """One of a pair, over a folder: LISTSTATUS, DELETE, and OPEN by way of a DataNode, which is itself."""

    def __init__(self, stream: Stream) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.stream = stream
        self.on_standby = False
        self.no_blocks = False
        self.asked: list[str] = []

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class Answer(BaseHTTPRequestHandler):
    server: NameNode

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        path, _, query = self.path.removeprefix("/webhdfs/v1/counts").partition("?")
        self.server.asked.append(self.path)
        there = self.server.stream.counts / path.lstrip("/")
        if self.path.startswith("/datanode/"):
            body = (self.server.stream.counts / path.removeprefix("/datanode/").lstrip("/")).read_bytes()
            self.say(403, b"no token") if self.server.no_blocks else self.say(200, body)
        elif self.server.on_standby:
            self.fail(403, "StandbyException")
        elif "op=OPEN" in query:
            self.send_response(307)
            self.send_header("Location", f"http://{self.server.host}/datanode{path}")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif not there.exists():
            self.fail(404, "FileNotFoundException")
        elif "op=GETFILESTATUS" in query:
            self.say(200, json.dumps({"FileStatus": {"type": "FILE", "length": there.stat().st_size}}).encode())
        else:
            rows = [{"pathSuffix": each.name, "type": "DIRECTORY", "length": 0} for each in sorted(there.iterdir())]
            self.say(200, json.dumps({"FileStatuses": {"FileStatus": rows}}).encode())

    def fail(self, status: int, exception: str) -> None:
        self.say(status, json.dumps({"RemoteException": {"exception": exception, "message": exception}}).encode())

    def say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving(stream: Stream) -> Iterator[NameNode]:
    with NameNode(stream) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


@pytest.fixture
def pair(stream: Stream) -> Iterator[tuple[NameNode, NameNode]]:
    stream.write([], files=1)
    with ExitStack() as stack:
        yield stack.enter_context(serving(stream)), stack.enter_context(serving(stream))


def test_whichever_is_active_is_asked_and_asked_first_from_then_on(pair: tuple[NameNode, NameNode]) -> None:
    first, second = pair
    first.on_standby = True
    log = CountLogReader(f"webhdfs://{first.host},{second.host}/counts", 1)
    assert log.batches() == [0]
    manifest, _ = log.manifest(0)
    assert len(log.files(manifest)) == 1
    assert len(first.asked) == 1
    first.on_standby, second.on_standby = False, True  # in the middle of a run
    assert log.batches() == [0]


def test_one_that_is_away_is_passed_over(pair: tuple[NameNode, NameNode]) -> None:
    assert CountLogReader(f"webhdfs://127.0.0.1:1,{pair[1].host}/counts", 1).batches() == [0]


def test_two_on_standby_are_no_count_log(pair: tuple[NameNode, NameNode]) -> None:
    for each in pair:
        each.on_standby = True
    with pytest.raises(CountLogUnavailableError, match="StandbyException"):
        CountLogReader(f"webhdfs://{pair[0].host},{pair[1].host}/counts", 1).batches()


def test_what_a_datanode_says_instead_of_a_file_is_not_taken_for_the_file(pair: tuple[NameNode, NameNode]) -> None:
    pair[0].no_blocks = True
    with pytest.raises(CountLogUnavailableError, match="403"):
        CountLogReader(f"webhdfs://{pair[0].host}/counts", 1).manifest(0)


@pytest.mark.parametrize("user", ["tide", "tide@corp"])
def test_the_url_s_user_is_named(pair: tuple[NameNode, NameNode], user: str) -> None:
    CountLogReader(f"webhdfs://{user.replace('@', '%40')}@{pair[0].host}/counts", 1).batches()
    assert f"user.name={user.replace('@', '%40')}" in pair[0].asked[0]


def test_ports_and_tls_are_hadoop_s_own_where_nothing_is_said() -> None:
    assert parse("webhdfs://a,b:1/c/d").hosts == ["http://a:9870", "http://b:1"]
    assert parse("swebhdfs://a/c").hosts == ["https://a:9871"]
    assert parse("swebhdfs://me@a/c").user == "me"


@pytest.mark.parametrize("url", ["webhdfs://a", "webhdfs:///c", "webhdfs://a,,b/c", "swebhdfs://me@/c"])
def test_an_invalid_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="webhdfs"):
        CountLogReader(url, 1)


def test_a_key_without_kerberos_is_refused() -> None:
    with pytest.raises(ValueError, match="--auth kerberos"):
        Access(keytab=Path("/k"))


def test_kerberos_without_its_libraries_is_a_wrong_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gssapi", None)
    with pytest.raises(ValueError, match=r"see conf/README\.md"):
        CountLogReader("webhdfs://a/c", 1, Access(auth="kerberos"))


def test_a_missing_ca_file_is_a_wrong_argument() -> None:
    with pytest.raises(ValueError, match=r"/nowhere\.pem is not there"):
        CountLogReader("swebhdfs://a/c", 1, Access(ca_file=Path("/nowhere.pem")))
