"""A line server over TCP: replays a file, one line each few seconds, to one client after another.

Each client gets the file from its beginning. The server waits 10 s for a client and ends when none comes. The source
`tcp:HOST:PORT` reads from it, and so does netcat.
"""

import argparse
import json
import logging
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from contract.job import DONE, FAILED, JobFailedError, JobParser, job_main

CLIENT_WITHIN_S = 10.0
LOOK_INTERVAL_S = 0.2
log = logging.getLogger("serve_lines")


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line; `-h` is the host, as netcat's users know it."""
    parser = JobParser("serve_lines.py", __doc__, add_help=False)
    parser.add_argument("--help", action="help", help="show this and exit")
    parser.add_argument("-h", "--host", default="127.0.0.1", help="where to listen  [default: %(default)s]")
    parser.add_argument("-p", "--port", type=int, default=5555, help="0: any free port  [default: %(default)s]")
    parser.add_argument("-f", "--file", type=Path, required=True, help="lines to replay")
    parser.add_argument(
        "-d", "--delay", type=float, default=4.0, metavar="S", help="seconds after each line  [default: %(default)s]"
    )
    parser.add_argument("--field", metavar="NAME", help="send this field of JSON lines, such as reviewText")
    given = parser.parse_args(argv)
    if not 0 <= given.port < 65536:
        parser.error("--port must be between 0 and 65535")
    if not 0 <= given.delay <= 86_400:
        parser.error("--delay must be between 0 and 86400 seconds")
    if not given.file.is_file():
        parser.error(f"{given.file} is not a file")
    return given


class Lines:
    """The lines of a file.

    Attributes:
        broken: lines that were left out so far: no JSON object, or without the field.
    """

    def __init__(self, path: Path, field: str | None) -> None:
        self.broken = 0
        self._path = path
        self._field = field

    def __iter__(self) -> Iterator[bytes]:
        """Yields each line to send, without its end."""
        with self._path.open("rb") as file:
            for raw in file:
                line = raw.rstrip(b"\r\n")
                if self._field is None:
                    yield line
                elif (value := _field(line, self._field)) is not None:
                    yield value
                else:
                    self.broken += 1


def _field(line: bytes, name: str) -> bytes | None:
    """The field's text on one line; None if the line has none."""
    try:
        value = json.loads(line)
        text = value.get(name) if isinstance(value, dict) else None
        # A lone surrogate, which JSON can escape, is no text either.
        return " ".join(text.splitlines()).encode() if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None


def serve(listener: socket.socket, lines: Lines, delay_s: float, stop: threading.Event) -> int:
    """Serves one client after another until none comes for a while, or `stop`; returns how many it has served."""
    served = 0
    while (client := _next_client(listener, stop)) is not None:
        served += 1
        broken_before, sent = lines.broken, 0
        with client:
            try:
                for line in lines:
                    _send(client, line + b"\n", stop)
                    sent += 1
                    if stop.wait(delay_s):
                        break
            except OSError as error:
                log.info("the client has gone: %s", error.strerror or error)
        log.info("%d lines sent, %d broken ones left out", sent, lines.broken - broken_before)
    return served


def _send(client: socket.socket, line: bytes, stop: threading.Event) -> None:
    """Sends the whole line, however slowly the client reads, unless asked to stop."""
    left = memoryview(line)
    while left and not stop.is_set():
        with suppress(TimeoutError):
            left = left[client.send(left) :]


def _next_client(listener: socket.socket, stop: threading.Event) -> socket.socket | None:
    listener.settimeout(LOOK_INTERVAL_S)
    for _ in range(round(CLIENT_WITHIN_S / LOOK_INTERVAL_S)):
        if stop.is_set():
            return None
        try:
            client, address = listener.accept()
        except TimeoutError:
            continue
        log.info("serving %s:%d", *address[:2])
        client.settimeout(LOOK_INTERVAL_S)
        return client
    log.info("no client came within %.0f s", CLIENT_WITHIN_S)
    return None


def main(argv: list[str] | None = None) -> int:
    """Runs the server; 0: it has served somebody or was stopped, 1: nobody came, or it cannot listen."""
    return job_main("serve_lines", lambda: _listen(arguments(argv)))


def _listen(given: argparse.Namespace) -> int:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        family = socket.AF_INET6 if ":" in given.host else socket.AF_INET
        with socket.create_server((given.host, given.port), family=family) as listener:
            log.info("listening on %s:%d", *listener.getsockname()[:2])
            served = serve(listener, Lines(given.file, given.field), given.delay, stop)
    except OSError as error:
        raise JobFailedError(f"{given.host}:{given.port}: {error.strerror or error}") from error
    return DONE if served or stop.is_set() else FAILED


if __name__ == "__main__":
    sys.exit(main())
