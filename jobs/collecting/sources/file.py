"""Replay of recorded lines: plain, .gz or .zst, several files one after another."""

import io
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

import zstandard

from collecting.filtering.selection import Selection
from collecting.source_api import Gap, Line, SourceError, source_id
from collecting.sources.pacing import Pace, pace_from
from contract.source_address import SourceAddress
from contract.sources import dialects

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

DIALECTS = ("auto", *dialects())
BUFFER_BYTES = 1024 * 1024
COMPRESSED_BYTES = 16 * 1024  # one step of decompression: its result must fit into memory, whatever the ratio
MAX_LINE_BYTES = 16 * 1024 * 1024  # far above any message; longer lines are recorded, not kept
_DAMAGE = (EOFError, OSError, zlib.error, zstandard.ZstdError)


class FileSource:
    """Lines of files, in the order of the address.

    The cursor is `FILE:LINE:OFFSET`: index of the file in the address, lines read in it so far, byte offset (of the
    decompressed content) just after the last one. The last line of a file counts also when it has no line end.
    """

    replayable = True
    cursor_inclusive = False

    def __init__(self, paths: list[Path], *, dialect: str | None = None, pace: Pace | None = None) -> None:
        self._paths = paths
        self._dialect = dialect
        self._pace = pace or Pace(None)
        # Pace and dialect do not change which lines these are.
        self.source_id = source_id("file", paths[0].name, *(str(path.absolute()) for path in paths))

    @classmethod
    def from_address(cls, address: SourceAddress, _: Selection) -> "FileSource":
        """`file:PATH,PATH,pace=flat|recorded|N,dialect=auto|x|…`.

        Raises:
            SourceError: no path, an unreadable file, or an invalid value.
        """
        address.refuse_unknown({"pace", "dialect"})
        paths = [Path(item).expanduser() for item in address.items]
        if not paths:
            raise SourceError("source file: no path given; write file:PATH or file:PATH,PATH")
        for path in paths:
            if not path.is_file():
                raise SourceError(f"source file: {path} {'is not a file' if path.exists() else 'does not exist'}")
        dialect = address.values.get("dialect", "auto")
        if dialect not in DIALECTS:
            raise SourceError(f"source file: unknown dialect={dialect}; allowed: {', '.join(DIALECTS)}")
        pace = address.values.get("pace", "flat")
        try:
            return cls(paths, dialect=None if dialect == "auto" else dialect, pace=pace_from(pace))
        except ValueError:
            raise SourceError(f"source file: pace={pace} is not flat, recorded or lines per second") from None

    def read(self, after: str | None, stop: threading.Event) -> Iterator[Line | Gap]:
        """Yields the lines after the cursor, blank ones too: they are keep-alives, and are counted.

        Raises:
            SourceError: a file is missing, shorter than before, or damaged. Lines before the damage were yielded.
        """
        first, count, offset = _parse_cursor(after, len(self._paths))
        for index in range(first, len(self._paths)):
            yield from self._read_file(index, count, offset, stop)
            if stop.is_set():
                return
            count, offset = 0, 0

    def _read_file(self, index: int, count: int, offset: int, stop: threading.Event) -> Iterator[Line | Gap]:
        path = self._paths[index]
        try:
            with _open_at(path, offset) as file:
                while raw := file.readline(MAX_LINE_BYTES + 1):
                    size = len(raw) if len(raw) <= MAX_LINE_BYTES else len(raw) + _skip_line(file, raw)
                    count, offset = count + 1, offset + size
                    cursor = f"{index}:{count}:{offset}"
                    if size > MAX_LINE_BYTES:
                        yield Gap(cursor, f"{path}:{count}: a line of {size} bytes is left out")
                        continue
                    self._pace.wait(raw, stop)
                    if stop.is_set():
                        return
                    yield Line(cursor, _without_end(raw), self._dialect)
                if path.suffix not in (".gz", ".zst") and path.stat().st_size < offset:
                    raise SourceError(f"{path}:{count}: the file has become shorter while it was read")
        except _DAMAGE as error:
            raise SourceError(f"{path}:{count}: cannot be read after this line: {_reason(error)}") from error


def _without_end(raw: bytes) -> bytes:
    if raw.endswith(b"\r\n"):
        return raw[:-2]
    return raw[:-1] if raw.endswith(b"\n") else raw


def _skip_line(file: IO[bytes], last: bytes) -> int:
    """Reads to the end of a line that is too long; returns how many more bytes it had."""
    skipped = 0
    while last and not last.endswith(b"\n"):
        last = file.readline(BUFFER_BYTES)
        skipped += len(last)
    return skipped


def _parse_cursor(cursor: str | None, files: int) -> tuple[int, int, int]:
    if cursor is None:
        return 0, 0, 0
    try:
        index, count, offset = (int(part) for part in cursor.split(":"))
    except ValueError:
        raise SourceError(f"source file: invalid cursor {cursor!r}") from None
    if not 0 <= index < files:
        raise SourceError(f"source file: the cursor {cursor} names file {index} of {files}")
    return index, count, offset


def _open_at(path: Path, offset: int) -> IO[bytes]:
    if path.suffix == ".gz":
        file: IO[bytes] = io.BufferedReader(_Decompressed(path, _gzip), BUFFER_BYTES)
    elif path.suffix == ".zst":
        file = io.BufferedReader(_Decompressed(path, _zstd), BUFFER_BYTES)
    else:
        file = path.open("rb", buffering=BUFFER_BYTES)
        if path.stat().st_size < offset:
            raise SourceError(f"{path}: was read up to byte {offset} and has only {path.stat().st_size} now")
        file.seek(offset)
        return file
    left = offset
    while left:
        skipped = len(file.read(min(left, BUFFER_BYTES)))
        if not skipped:
            raise SourceError(f"{path}: was read up to byte {offset} of its content and has only {offset - left} now")
        left -= skipped
    return file


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


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
