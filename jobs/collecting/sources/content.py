"""What was read of a file, by which it is known again."""

import hashlib
import os

HEAD_BYTES, TAIL_BYTES = 4096, 1024


class Content:
    """A file's bytes from its start to where it was read: how many, the first and the last of them.

    The digest is `FIRST.ALL`: of the first line (its first HEAD_BYTES), and of the first and last bytes. It depends on
    these bytes alone, so whoever reads the same file has the same digest at the same place.

    Attributes:
        size: bytes.
    """

    def __init__(self) -> None:
        self.size = 0
        self._head = b""
        self._tail = b""
        self._hashed: tuple[str, hashlib.blake2b] | None = None  # of the head, once it is whole

    @classmethod
    def of(cls, descriptor: int, size: int) -> "Content":
        """An open file's content up to a size, or to its end if that comes first."""
        content = cls()
        content.size = min(size, os.fstat(descriptor).st_size)
        content._head = _read(descriptor, 0, min(HEAD_BYTES, content.size))
        begin = max(0, content.size - TAIL_BYTES)
        content._tail = _read(descriptor, begin, content.size - begin)
        return content

    def add(self, piece: bytes) -> None:
        """The bytes that come next."""
        self.size += len(piece)
        if len(self._head) < HEAD_BYTES:
            self._head += piece[: HEAD_BYTES - len(self._head)]
        self._tail = (self._tail + piece if len(piece) < TAIL_BYTES else piece)[-TAIL_BYTES:]

    def digest(self) -> str:
        """See above."""
        first, hashed = self._hashed or (_first(self._head), hashlib.blake2b(self._head, digest_size=8))
        if len(self._head) == HEAD_BYTES:
            self._hashed = first, hashed
            hashed = hashed.copy()
        hashed.update(self._tail)
        return f"{first}.{hashed.hexdigest()}"

    def may_have_begun(self, digest: str) -> bool:
        """Whether a longer content with this digest may have begun like this one."""
        return not (b"\n" in self._head or len(self._head) == HEAD_BYTES) or digest.startswith(_first(self._head))


def _first(head: bytes) -> str:
    return hashlib.blake2b(head.partition(b"\n")[0], digest_size=4).hexdigest()


def _read(descriptor: int, offset: int, size: int) -> bytes:
    parts = []
    while size > 0 and (part := os.pread(descriptor, size, offset)):
        parts.append(part)
        offset, size = offset + len(part), size - len(part)
    return b"".join(parts)
