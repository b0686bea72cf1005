"""Server-sent events, apart but not taken apart: each as the bytes in which it came.

Source: the HTML standard, "Server-sent events", "Interpreting an event stream".
"""

import re
from collections.abc import Iterator

MAX_EVENT_BYTES = 16 * 1024 * 1024
_LINE_END = re.compile(rb"\r\n|\r|\n")


class EventTooLong(Exception):  # noqa: N818 - it says what is the matter
    """An event of more than MAX_EVENT_BYTES."""


class EventBlocks:
    """Cuts a stream into events, wherever its chunks' edges are: in a line's end, in a character.

    An event is given without the blank line that ends it and without the comments before it, which servers send to
    show that they live; its other bytes are as they came.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()  # the event under way
        self._line = 0  # where its last line begins
        self._looked = 0  # up to where no line's end was found
        self._after_cr = False  # a line end that may have a second half

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The events that the chunk completes.

        Raises:
            EventTooLong: it does not end.
        """
        if self._after_cr and chunk:
            self._after_cr = False
            if chunk.startswith(b"\n"):
                chunk = chunk[1:]
                if self._buffer:
                    self._buffer += b"\n"
                    self._line = self._looked = len(self._buffer)
        self._buffer += chunk
        while (end := _LINE_END.search(self._buffer, self._looked)) is not None:
            self._after_cr = end.group() == b"\r" and end.end() == len(self._buffer)
            event = self._take_line(end.start(), end.end())
            if event:
                yield event
        self._looked = len(self._buffer)
        if len(self._buffer) > MAX_EVENT_BYTES:
            raise EventTooLong(f"an event of more than {MAX_EVENT_BYTES} bytes")

    def _take_line(self, begin: int, end: int) -> bytes:
        """One more line, up to `begin` without its end; the event that it ends, else nothing."""
        event = b""
        if begin == self._line:  # blank
            event = bytes(self._buffer[: self._line]).rstrip(b"\r\n")
        elif self._line > 0 or self._buffer[:1] != b":":
            self._line = self._looked = end
            return b""
        del self._buffer[:end]
        self._line = self._looked = 0
        return event

    @property
    def rest(self) -> bytes:
        """What came of an event that has not ended; of a comment nothing."""
        return b"" if self._buffer.startswith(b":") else bytes(self._buffer)
