"""Splits server-sent events without parsing them: each is yielded as the bytes received.

Source: the HTML standard, "Server-sent events", "Interpreting an event stream".
"""

import re
from collections.abc import Iterator

MAX_EVENT_BYTES = 16 * 1024 * 1024
_LINE_END = re.compile(rb"\r\n|\r|\n")


class EventTooLong(Exception):  # noqa: N818 - it states a condition
    """An event of more than MAX_EVENT_BYTES."""


class EventBlocks:
    """Splits a stream into events, wherever its chunks end, even inside a line end or a character.

    An event comes without the blank line that ends it and without the comments before it, which servers send as
    keep-alives; its other bytes are unchanged.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()  # the current event
        self._line = 0  # start of its last line
        self._looked = 0  # searched so far for a line end
        self._after_cr = False  # a line end that may have a second half

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The events that the chunk completes.

        Raises:
            EventTooLong: an event does not end.
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
        """Adds a line, which ends before `begin`; returns the event that it completes, if any."""
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
        """The received part of an unfinished event; nothing for a comment."""
        return b"" if self._buffer.startswith(b":") else bytes(self._buffer)
