"""Lines out of chunks of bytes. Not requests' iter_lines: it loses a torn last line and takes a lone CR for an end."""

MAX_LINE_BYTES = 16 * 1024 * 1024  # no message of X is near it


class LineTooLong(Exception):  # noqa: N818 - it says what is the matter
    """More than MAX_LINE_BYTES without a line's end: this is no stream of posts, or an end was lost."""


class Splitter:
    """Takes chunks as they come, cut anywhere; gives whole lines without their ends (LF or CRLF), blank ones too."""

    def __init__(self, max_bytes: int = MAX_LINE_BYTES) -> None:
        self._parts: list[bytes] = []
        self._held_bytes = 0
        self._max_bytes = max_bytes

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that end in this chunk.

        Raises:
            LineTooLong: a line does not end. What was held of it is dropped.
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
        """What came of a line whose end did not come. Empty between two lines."""
        return b"".join(self._parts).removesuffix(b"\r")

    def _hold(self, part: bytes) -> None:
        self._held_bytes += len(part)
        if self._held_bytes > self._max_bytes:
            size, self._parts, self._held_bytes = self._held_bytes, [], 0
            raise LineTooLong(f"{size} bytes without a line's end")
        if part:
            self._parts.append(part)
