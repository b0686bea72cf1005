"""Compressed files, by the ends of their names."""

import io
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

import zstandard

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BUFFER_BYTES = 1024 * 1024
COMPRESSED_BYTES = 16 * 1024  # one step of decompression: its result must fit into memory, whatever the ratio
DAMAGE = (EOFError, OSError, zlib.error, zstandard.ZstdError)


def is_compressed(path: Path) -> bool:
    """Whether the file's content is not its bytes."""
    return path.suffix in _COMPRESSED


def open_content(path: Path) -> IO[bytes]:
    """The file's content from its start; reading it raises one of DAMAGE where it is damaged."""
    begin = _COMPRESSED.get(path.suffix)
    if begin is None:
        return path.open("rb", buffering=BUFFER_BYTES)
    return io.BufferedReader(_Decompressed(path, begin), BUFFER_BYTES)


class _Stream(Protocol):
    """The common methods of zlib's and zstandard's decompressors."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


def _gzip() -> _Stream:
    return zlib.decompressobj(wbits=31)  # with gzip's header and checksum


def _zstd() -> _Stream:
    return zstandard.ZstdDecompressor(max_window_size=2**31).decompressobj()


class _Decompressed(io.RawIOBase):
    """The content of a compressed file of one or more streams, one after another.

    gzip.GzipFile drops what it has read when it meets damage, and zstandard's stream_reader ends silently in a frame
    that is cut off.
    """

    def __init__(self, path: Path, begin: Callable[[], _Stream]) -> None:
        self._file = path.open("rb")
        self._begin = begin
        self._stream: _Stream | None = None
        self._compressed = b""
        self._content = memoryview(b"")

    def readable(self) -> bool:
        """True: io.RawIOBase asks."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Fills the buffer with the next bytes; 0 at the end.

        Raises:
            EOFError: the file ends inside a stream.
            zlib.error, zstandard.ZstdError: the content is damaged.
        """
        while not self._content:
            if not self._fill():
                return 0
        view = memoryview(buffer)
        size = min(len(view), len(self._content))
        view[:size], self._content = self._content[:size], self._content[size:]
        return size

    def _fill(self) -> bool:
        self._compressed = self._compressed or self._file.read(COMPRESSED_BYTES)
        if not self._compressed:
            if self._stream is not None:
                raise EOFError("the compressed file ends in the middle")
            return False
        self._stream = self._stream or self._begin()
        self._content = memoryview(self._stream.decompress(self._compressed))
        self._compressed = b""
        if self._stream.eof:
            self._compressed, self._stream = self._stream.unused_data.lstrip(b"\0"), None  # padding between streams
        return True

    def close(self) -> None:
        """Closes the file."""
        self._file.close()
        super().close()


_COMPRESSED = {".gz": _gzip, ".zst": _zstd}
