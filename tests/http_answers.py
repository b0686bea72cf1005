"""A small HTTP server for tests: each path and query has the answer that the test has put there, else 404."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


class HttpAnswers(ThreadingHTTPServer):
    """Attributes: answers: path with its query → what is sent, as JSON where it is no text."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, Any] = {}

    @property
    def url(self) -> str:
        """No slash at its end."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: HttpAnswers

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        answer = self.server.answers.get(self.path)
        payload = (answer if isinstance(answer, str) else json.dumps(answer or {})).encode()
        self.send_response(404 if answer is None else 200)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)


@pytest.fixture
def http_answers() -> Iterator[HttpAnswers]:
    """A server that runs for one test."""
    server = HttpAnswers()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()
