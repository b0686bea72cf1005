"""Splits chunks of bytes into lines. requests' iter_lines loses a torn last line and takes a lone CR for an end."""

MAX_LINE_BYTES = 16 * 1024 * 1024  # far above any message of X


class LineTooLong(Exception):  # noqa: N818 - it states a condition
    """More than MAX_LINE_BYTES without a line end: not a stream of posts, or a lost line end."""


class Splitter:
    """Takes chunks cut anywhere; returns whole lines without their ends (LF or CRLF), blank ones too."""

    def __init__(self, max_bytes: int = MAX_LINE_BYTES) -> None:
        self._parts: list[bytes] = []
        self._held_bytes = 0
        self._max_bytes = max_bytes

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that end in this chunk.

        Raises:
            LineTooLong: a line does not end; its bytes so far are dropped.
        """
        first, *others = chunk.split(b"\n")
        if not others:
            self._hold(first)
            return []
        self._parts.append(first)
        lines = [b"".join(self._parts), *others[:-1]]
        self._parts, self._held_bytes = [], 0
        self._hold(others[-1])
        return [line.removesuffix(b"\r") for line in lines]

    def rest(self) -> bytes:
        """The received part of an unfinished line; empty between two lines."""
        return b"".join(self._parts).removesuffix(b"\r")

    def _hold(self, part: bytes) -> None:
        self._held_bytes += len(part)
        if self._held_bytes > self._max_bytes:
            size, self._parts, self._held_bytes = self._held_bytes, [], 0
            raise LineTooLong(f"{size} bytes without a line's end")
        if part:
            self._parts.append(part)
