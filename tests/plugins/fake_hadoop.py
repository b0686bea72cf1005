"""The edge of YARN and HDFS for tests of decisions: the real REST of both, nothing behind it.

`/ws/v1/cluster/apps` and its `state` as the ResourceManager speaks them, WebHDFS's CREATE (with its redirect), DELETE
and GETFILESTATUS. A stop marker ends the active applications of its generation, as the streaming job does. `POST
/submit?tag=…` stands for a submit's arrival. That the real ones answer the same is for the flow test to show.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


class FakeHadoop:
    """What it holds: applications (oldest first), files, and what was asked of it."""

    def __init__(self) -> None:
        self.applications: list[dict[str, Any]] = []
        self.files: set[str] = set()
        self.asked: list[str] = []
        self.headers: dict[str, str] = {}
        self.silent = False
        self.no_hdfs = False
        self.on_standby = False
        self.lock = threading.Lock()
        self.port = 0

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def submit(self, tag: str) -> str:
        """An application arrives and runs."""
        with self.lock:
            name = f"application_1700000000000_{len(self.applications) + 1:04d}"
            self.applications.append(
                {
                    "id": name,
                    "state": "RUNNING",
                    "finalStatus": "UNDEFINED",
                    "applicationTags": tag,
                    "startedTime": int(time.time() * 1000),
                    "finishedTime": 0,
                    "diagnostics": "",
                    "trackingUrl": f"{self.url}/proxy/{name}/",
                }
            )
        return name

    def end(self, name: str, state: str, final_status: str, *, diagnostics: str = "", ran_s: float = 0.0) -> None:
        """It ended just now, after that many seconds."""
        with self.lock:
            row = next(row for row in self.applications if row["id"] == name)
            now = int(time.time() * 1000)
            row |= {"state": state, "finalStatus": final_status, "finishedTime": now, "diagnostics": diagnostics}
            if ran_s:
                row["startedTime"] = now - int(ran_s * 1000)

    def active(self, tag: str) -> list[str]:
        """Names of those that run."""
        return [r["id"] for r in self.applications if r["applicationTags"] == tag and not r["finishedTime"]]

    def mark(self, path: str) -> None:
        """A file is there; a stop marker does what it says."""
        self.files.add(path)
        _, is_marker, number = path.partition("/stop/generation=")
        for name in self.active(f"hashtide-count-g{number}") if is_marker else ():
            self.end(name, "FINISHED", "SUCCEEDED", diagnostics="stop marker", ran_s=100)


class Handler(BaseHTTPRequestHandler):
    """One request to either service."""

    server: "Server"

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""

    def parse_request(self) -> bool:
        """All methods come to one place."""
        good = super().parse_request()
        if good:
            setattr(self, f"do_{self.command}", self.dispatch)
        return good

    def dispatch(self) -> None:
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.fake.asked.append(f"{self.command} {self.path}")
        self.server.fake.headers = dict(self.headers)
        if self.server.fake.silent:
            self.answer(503)
        elif parts.path.startswith("/webhdfs/v1"):
            self.hdfs(parts.path.removeprefix("/webhdfs/v1"), query)
        else:
            self.yarn(parts.path, query, body)

    def yarn(self, path: str, query: dict[str, str], body: bytes) -> None:
        fake = self.server.fake
        if path == "/submit":
            self.answer(200, {"id": fake.submit(query["tag"])})
        elif path == "/ws/v1/cluster/apps":
            rows = [row for row in fake.applications if row["applicationTags"] == query["applicationTags"]]
            self.answer(200, {"apps": {"app": rows} if rows else None})
        elif path.endswith("/state") and json.loads(body) == {"state": "KILLED"}:
            fake.end(path.split("/")[-2], "KILLED", "KILLED", diagnostics="killed by user")
            self.answer(202, {"state": "KILLED"})
        else:
            self.answer(404)

    def hdfs(self, path: str, query: dict[str, str]) -> None:
        fake, operation = self.server.fake, query["op"]
        if fake.no_hdfs:
            self.answer(503)
        elif fake.on_standby:
            self.answer(403, {"RemoteException": {"exception": "StandbyException", "message": "not me"}})
        elif operation == "CREATE" and "datanode" not in query:
            self.answer(307, location=f"{fake.url}{self.path}&datanode=1")
        elif operation == "CREATE":
            fake.mark(path)
            self.answer(201)
        elif operation == "DELETE":
            was_there = path in fake.files
            fake.files.discard(path)
            self.answer(200, {"boolean": was_there})
        elif path in fake.files:
            self.answer(200, {"FileStatus": {"type": "FILE"}})
        else:
            self.answer(404)

    def answer(self, status: int, body: Any = None, location: str = "") -> None:
        self.send_response(status)
        data = b"" if body is None else json.dumps(body).encode()
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class Server(ThreadingHTTPServer):
    """Answers for one `FakeHadoop`."""

    def __init__(self, fake: FakeHadoop) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.fake = fake


@contextmanager
def serve(fake: FakeHadoop) -> Iterator[FakeHadoop]:
    """Answer on a free port of loopback."""
    with Server(fake) as server:
        fake.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield fake
        finally:
            server.shutdown()
