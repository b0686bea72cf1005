"""Lines of a TCP server, put into small files: the query reads those, so a kill or a restart counts each line once.

Spark's own socket source forgets what it has read when it ends and refuses to resume from a checkpoint.
"""

import itertools
import logging
import socket
import threading
import time
from collections.abc import Callable

from counting.files import Files

FOLDER = "received"
_ASIDE = "_receiving"
_ROLL_S = 1.0
_ROLL_BYTES = 4_000_000
_LONGEST_LINE = 16_000_000
_CONNECT_TIMEOUT_S = 10.0
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 10.0

log = logging.getLogger(__name__)


class _Unkept(Exception):  # noqa: N818 - it states a condition
    """What came can't be filed: no failure of the network, which would be tried again."""


class Receiver:
    """Reads a line server in a thread of its own, reconnects when it goes away, and files what came each second.

    A full disk or a file system that is away ends the thread; `failed` has the reason.
    """

    def __init__(self, files: Files, host: str, port: int, tell: Callable[[str], None]) -> None:
        """Starts nothing yet.

        Args:
            files: where `received/` is.
            host: the server's.
            port: the server's.
            tell: takes one line about what was missed, for the user.
        """
        self.failed: OSError | None = None
        self._files = files
        self._address = host, port
        self._tell = tell
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="receiver", daemon=True)
        self._numbers = itertools.count()
        self._unfiled = bytearray()
        self._filed_at = time.monotonic()

    def start(self) -> None:
        """Begins to read, in a thread of its own."""
        self._files.make_folder(FOLDER)
        self._files.delete(_ASIDE)
        self._thread.start()

    def close(self) -> None:
        """Ends reading; what has come is filed when this returns."""
        self._ending.set()
        self._thread.join(_CONNECT_TIMEOUT_S + _ROLL_S + 5)

    def _run(self) -> None:
        name = "tcp {}:{}".format(*self._address)
        wait_s = _FIRST_WAIT_S
        try:
            while not self._ending.is_set():
                try:
                    with socket.create_connection(self._address, _CONNECT_TIMEOUT_S) as connection:
                        self._tell(
                            f"{name}: connected; what it sent before, or sends while we are away, is not counted"
                        )
                        wait_s = _FIRST_WAIT_S
                        self._read(connection)
                    why = "closed by the server"
                except OSError as error:
                    why = str(error)
                self._file(whole=True)
                if not self._ending.wait(wait_s):
                    log.warning("%s failed: %s; reconnecting", name, why)
                wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
        except _Unkept as error:
            self.failed = OSError(f"{name}: storing the lines failed: {error}")
            log.error("%s", self.failed)  # noqa: TRY400 - the message says it

    def _read(self, connection: socket.socket) -> None:
        """Until the server ends, or we do."""
        connection.settimeout(_ROLL_S / 4)
        while not self._ending.is_set():
            try:
                came = connection.recv(65_536)
            except TimeoutError:
                came = None
            if came == b"":
                return
            self._unfiled += came or b""
            if len(self._unfiled) > _ROLL_BYTES or time.monotonic() - self._filed_at > _ROLL_S:
                self._file(whole=False)

    def _file(self, *, whole: bool) -> None:
        """Puts the lines that have come into a file; with `whole` also the last one, of which no end came."""
        self._filed_at = time.monotonic()
        end = len(self._unfiled) if whole else self._unfiled.rfind(b"\n") + 1
        if not end and len(self._unfiled) > _LONGEST_LINE:
            log.warning("a line of more than %d bytes is cut", _LONGEST_LINE)
            end = len(self._unfiled)
        if not end:
            return
        name = f"{time.time_ns() // 1_000_000:013d}-{next(self._numbers)}.txt"
        try:
            self._files.make_folder(_ASIDE)
            self._files.write_parts(f"{_ASIDE}/{name}", [bytes(self._unfiled[:end])])
            self._files.rename_if_absent(f"{_ASIDE}/{name}", f"{FOLDER}/{name}")
        except OSError as error:
            raise _Unkept(str(error)) from error
        del self._unfiled[:end]
