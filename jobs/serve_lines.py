"""A line server over TCP: replays a file, one line each few seconds, to one client after another.

Each client gets the file from its beginning. It waits 10 s for a client, and ends when none comes. What its source
`tcp:HOST:PORT` reads, netcat reads too.
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

CLIENT_WITHIN_S = 10.0
LOOK_INTERVAL_S = 0.2
DONE, FAILED = 0, 1
log = logging.getLogger("serve_lines")


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line; `-h` is the host, as netcat's users know it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0], add_help=False)
    parser.add_argument("--help", action="help", help="show this and end")
    parser.add_argument("-h", "--host", default="127.0.0.1", help="where to listen  [default: %(default)s]")
    parser.add_argument("-p", "--port", type=int, default=5555, help="0: any free one  [default: %(default)s]")
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
    """What a file has to send.

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
    """The field's text on one line; None where there is none."""
    try:
        value = json.loads(line)
        text = value.get(name) if isinstance(value, dict) else None
        # A lone surrogate, which JSON can escape, is no text either.
        return " ".join(text.splitlines()).encode() if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None


def serve(listener: socket.socket, lines: Lines, delay_s: float, stop: threading.Event) -> int:
    """Serves one client after another until none comes for a while, or `stop`; how many it has served."""
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
    """Sends all of it, however slowly the client reads; less of it at a stop."""
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
    given = arguments(argv)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        family = socket.AF_INET6 if ":" in given.host else socket.AF_INET
        with socket.create_server((given.host, given.port), family=family) as listener:
            log.info("listening on %s:%d", *listener.getsockname()[:2])
            served = serve(listener, Lines(given.file, given.field), given.delay, stop)
    except OSError as error:
        log.error("%s:%d: %s", given.host, given.port, error.strerror or error)  # noqa: TRY400 - one line for a person
        return FAILED
    return DONE if served or stop.is_set() else FAILED


if __name__ == "__main__":
    sys.exit(main())
