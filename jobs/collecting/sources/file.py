"""Replay of recorded lines: plain, .gz or .zst, several files one after another."""

import logging
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from collecting.filtering.selection import Selection
from collecting.source_api import CursorOnly, Gap, Item, Line, SourceError, source_id
from collecting.sources.compressed import BUFFER_BYTES, DAMAGE, is_compressed, open_content
from collecting.sources.content import Content
from collecting.sources.pacing import Pace, pace_from
from contract.source_address import SourceAddress
from contract.sources import dialects

DIALECTS = ("auto", *dialects())
MAX_LINE_BYTES = 16 * 1024 * 1024  # far above any message; longer lines are recorded, not kept
_CURSOR = re.compile(r"(\d+):(\d+):(\d+)(?::([0-9a-f]{8}\.[0-9a-f]{16})(:end)?)?")
_END = ":end"

log = logging.getLogger(__name__)


class _Cursor(NamedTuple):
    """`FILE:LINE:OFFSET:DIGEST`, and `:end` where the file ended there. Older versions wrote no digest.

    Attributes:
        file: its index in the address.
        lines: read in it so far.
        offset: in its content.
        digest: of the content before the offset (`Content`).
        ended: nothing came after it.
    """

    file: int
    lines: int = 0
    offset: int = 0
    digest: str | None = None
    ended: bool = False


class FileSource:
    """Lines of files, in the order of the address.

    The cursor is `FILE:LINE:OFFSET:DIGEST`: index of the file in the address, lines read in it so far, byte offset (of
    the decompressed content) just after the last one, and a digest of what is before it: so a file that was replaced
    under its path is read from its start. At a file's end `:end` follows. The last line of a file counts also when it
    has no line end.

    Only the last file that was read is looked at again; those before it in the address are not.
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

    def read(self, after: str | None, stop: threading.Event) -> Iterator[Item]:
        """Yields the lines after the cursor, blank ones too: they are keep-alives, and are counted.

        A file that is not the one that was read begins anew; a gap first, if the other was not read to its end.

        Raises:
            SourceError: a file is missing, shorter than before, changed while it was read, or damaged. Lines before the
                damage were yielded.
        """
        begin = _parse_cursor(after, len(self._paths))
        for index in range(begin.file, len(self._paths)):
            yield from self._read_file(begin if index == begin.file else _Cursor(index), stop)
            if stop.is_set():
                return

    def _read_file(self, begin: _Cursor, stop: threading.Event) -> Iterator[Item]:
        path, lines = self._paths[begin.file], begin.lines
        try:
            file, content = _open_at(path, begin)
            with file:
                if content.size < begin.offset:
                    lines = 0
                    yield from self._begin_anew(begin, content)
                for item in self._lines(begin.file, lines, file, content):
                    lines += 1
                    if isinstance(item, Line):
                        self._pace.wait(item.raw, stop)
                    if stop.is_set():
                        return
                    yield item
                if not is_compressed(path):
                    _check_unchanged(path, lines, file, content)
                end = _Cursor(begin.file, lines, content.size, content.digest(), ended=True)
                if content.size and end != begin:
                    yield CursorOnly(f"{_cursor(begin.file, lines, content)}{_END}")
        except DAMAGE as error:
            raise SourceError(f"{path}:{lines}: cannot be read after this line: {_reason(error)}") from error

    def _begin_anew(self, begin: _Cursor, content: Content) -> Iterator[Gap]:
        path = self._paths[begin.file]
        log.warning("%s was replaced since line %d of it was read: reading it from its start", path, begin.lines)
        if not begin.ended:
            where = f"line {begin.lines} (byte {begin.offset})"
            why = f"{path} was replaced: what followed {where} of the old one, if anything, was not read"
            yield Gap(_cursor(begin.file, 0, content), why)

    def _lines(self, index: int, lines: int, file: IO[bytes], content: Content) -> Iterator[Line | Gap]:
        while raw := file.readline(MAX_LINE_BYTES + 1):
            content.add(raw)
            size = len(raw) if len(raw) <= MAX_LINE_BYTES else len(raw) + _skip_line(file, raw, content)
            lines += 1
            cursor = _cursor(index, lines, content)
            if size > MAX_LINE_BYTES:
                yield Gap(cursor, f"{self._paths[index]}:{lines}: a line of {size} bytes is left out")
            else:
                yield Line(cursor, _without_end(raw), self._dialect)


def _cursor(index: int, lines: int, content: Content) -> str:
    return f"{index}:{lines}:{content.size}:{content.digest()}"


def _check_unchanged(path: Path, lines: int, file: IO[bytes], content: Content) -> None:
    """Raises SourceError: the open file does not hold any more what was read of it."""
    found = Content.of(file.fileno(), content.size)
    if found.size < content.size:
        raise SourceError(f"{path}:{lines}: the file has become shorter while it was read")
    if found.digest() != content.digest():
        raise SourceError(f"{path}:{lines}: the file was rewritten while it was read")


def _without_end(raw: bytes) -> bytes:
    if raw.endswith(b"\r\n"):
        return raw[:-2]
    return raw[:-1] if raw.endswith(b"\n") else raw


def _skip_line(file: IO[bytes], last: bytes, content: Content) -> int:
    """Reads to the end of a line that is too long; returns how many more bytes it had."""
    skipped = 0
    while last and not last.endswith(b"\n"):
        last = file.readline(BUFFER_BYTES)
        content.add(last)
        skipped += len(last)
    return skipped


def _parse_cursor(cursor: str | None, files: int) -> _Cursor:
    if cursor is None:
        return _Cursor(0)
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise SourceError(f"source file: invalid cursor {cursor!r}")
    index = int(found[1])
    if index >= files:
        raise SourceError(f"source file: the cursor {cursor} names file {index} of {files}")
    return _Cursor(index, int(found[2]), int(found[3]), found[4], found[5] is not None)


def _open_at(path: Path, begin: _Cursor) -> tuple[IO[bytes], Content]:
    """The file after what was read of it, and that; at its start, if it is another file now.

    Raises:
        SourceError: it ends before the cursor, and may well be the same file.
    """
    file = open_content(path)
    if is_compressed(path):
        content = Content()
        while left := begin.offset - content.size:
            piece = file.read(min(left, BUFFER_BYTES))
            if not piece:
                break
            content.add(piece)
    else:
        content = Content.of(file.fileno(), begin.offset)
        file.seek(content.size)
    if not begin.offset or (content.size == begin.offset and begin.digest in (None, content.digest())):
        return file, content
    file.close()
    if content.size < begin.offset and (begin.digest is None or content.may_have_begun(begin.digest)):
        raise SourceError(
            f"{path}: was read up to byte {begin.offset} of its content and has only {content.size} now: put the rest "
            "back, or collect it under another name"
        )
    return open_content(path), Content()


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
