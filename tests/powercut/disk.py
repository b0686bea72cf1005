"""What a power cut may leave of a folder: the operations of a run, and the states that a disk may show after a cut.

The method of ALICE (OSDI '14) and CrashMonkey (OSDI '18), small. A cut keeps what was synced. Of the rest it keeps
anything that its file system allows:

    ext4   data=ordered without auto_da_alloc: names change in the order of the journal, and an fsync of any file makes
           all earlier ones last; contents that were not synced are missing, cut short, zeros or torn at 512 bytes,
           whatever their names did (a rename may come before its content).
    weak   POSIX and no more: of the names that were not synced by their folder, any subset; of the contents any
           sectors, and garbage where nothing was written yet.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

SECTOR_BYTES = 512
RANDOM_STATES = 3  # at each point, beside the plain ones
ROOT = 0  # the folder under test: it was there before
Name = tuple[int, str]  # inode of the folder, name in it


@dataclass(frozen=True)
class Write:
    """Bytes at an offset of a file."""

    inode: int
    offset: int
    data: bytes


@dataclass(frozen=True)
class Truncate:
    """A file's new size, shorter or longer."""

    inode: int
    size: int


@dataclass(frozen=True)
class Rename:
    """Names that change in one step, each to its new inode or None: a creation, a rename, a removal."""

    names: tuple[tuple[Name, int | None], ...]


@dataclass(frozen=True)
class Sync:
    """A file's or a folder's fsync that has returned."""

    inode: int
    of_folder: bool


@dataclass(frozen=True)
class Outside:
    """Something that the cut doesn't undo: a record that was sent or acknowledged, for example."""

    what: str
    value: object = None


Operation = Write | Truncate | Rename | Sync | Outside


class FileSystem(Enum):
    """How much may be out of order: see the module."""

    EXT4 = "ext4"
    WEAK = "weak"


class Sector(Enum):
    """What became of 512 bytes that were written and not synced."""

    NEW = 1
    OLD = 2  # not written; a file that had grown has zeros there
    LOST = 3  # not written, nor did the file grow for it
    GARBAGE = 4


Choose = Callable[[int, int, int], Sector]  # number of the operation, of its sector, how many sectors it has


@dataclass
class File:
    """A file's content as it was last synced, and what came after."""

    synced: bytes = b""
    pending: list[Write | Truncate] = field(default_factory=list)

    def content(self, choose: Choose) -> bytes:
        """One content that a cut may leave."""
        if not self.pending:
            return self.synced
        found = bytearray(self.synced)
        for number, operation in enumerate(self.pending):
            if isinstance(operation, Truncate):
                if choose(number, 0, 1) is Sector.NEW:
                    found = found[: operation.size].ljust(operation.size, b"\0")
                continue
            pieces = list(_sectors(operation))
            for index, (offset, piece) in enumerate(pieces):
                _settle(found, offset, piece, choose(number, index, len(pieces)))
        return bytes(found)


def _sectors(write: Write) -> Iterator[tuple[int, bytes]]:
    """The parts of a write that a disk may take or not."""
    at = 0
    while at < len(write.data):
        offset = write.offset + at
        size = SECTOR_BYTES - offset % SECTOR_BYTES
        yield offset, write.data[at : at + size]
        at += size


def _settle(found: bytearray, offset: int, piece: bytes, sector: Sector) -> None:
    if sector is Sector.LOST:
        return
    if len(found) < offset + len(piece):
        found.extend(bytes(offset + len(piece) - len(found)))
    if sector is Sector.NEW:
        found[offset : offset + len(piece)] = piece
    elif sector is Sector.GARBAGE:
        found[offset : offset + len(piece)] = random.Random(offset).randbytes(len(piece))  # noqa: S311


def _always(sector: Sector) -> Choose:
    return lambda *_: sector


def _torn(rest: Sector) -> Choose:
    """Each operation's first half is there."""
    return lambda _number, index, of: Sector.NEW if index < of // 2 else rest


def _only_last(_number: int, index: int, of: int) -> Sector:
    """What was written last is there, and what was before is not."""
    return Sector.NEW if index == of - 1 else Sector.OLD


CONTENTS: tuple[Choose, ...] = (
    _always(Sector.NEW),
    _always(Sector.LOST),
    _always(Sector.OLD),
    _torn(Sector.LOST),
    _torn(Sector.OLD),
    _only_last,
)


@dataclass(frozen=True)
class State:
    """One state of the folder after a cut: each file's path and content, and the folders."""

    files: tuple[tuple[str, bytes], ...]
    folders: tuple[str, ...]

    def write(self, root: Path) -> None:
        """Makes it, in an empty folder."""
        for folder in self.folders:
            (root / folder).mkdir()
        for path, content in self.files:
            (root / path).write_bytes(content)


class Disk:
    """A folder as the operations so far have left it: what is synced, and what is pending."""

    def __init__(self, file_system: FileSystem, before: State | None = None) -> None:
        """`before`: what was there, synced; its files' inodes are numbered from 1 on, folders first."""
        self._weak = file_system is FileSystem.WEAK
        self._names: dict[Name, int] = {}
        self._files: dict[int, File] = {}
        self._pending: list[Rename] = []
        if before is not None:
            inodes = {"": ROOT}
            for number, path in enumerate((*before.folders, *(path for path, _ in before.files)), 1):
                parent, _, name = path.rpartition("/")
                inodes[path] = number
                self._names[inodes[parent], name] = number
            self._files = {inodes[path]: File(content) for path, content in before.files}

    def apply(self, operation: Operation) -> None:
        """The next operation of the run."""
        if isinstance(operation, Write | Truncate):
            self._files.setdefault(operation.inode, File()).pending.append(operation)
        elif isinstance(operation, Rename):
            self._pending.append(operation)
        elif isinstance(operation, Sync):
            self._sync(operation)

    def _sync(self, sync: Sync) -> None:
        if not sync.of_folder:
            file = self._files.setdefault(sync.inode, File())
            file.synced, file.pending = file.content(_always(Sector.NEW)), []
        if not self._weak:
            self._keep(self._names, self._pending)
            self._pending = []
        elif sync.of_folder:
            self._keep(self._names, [each for each in self._pending if _touches(each, sync.inode)])
            self._pending = [each for each in self._pending if not _touches(each, sync.inode)]

    @staticmethod
    def _keep(names: dict[Name, int], renames: list[Rename]) -> None:
        for rename in renames:
            for name, inode in rename.names:
                if inode is None:
                    names.pop(name, None)
                else:
                    names[name] = inode

    def now(self) -> State:
        """The folder as every process sees it before the cut."""
        return self._state(self._pending, lambda _: CONTENTS[0])

    def kept(self) -> State:
        """The folder with nothing but what was synced."""
        return self._state([], lambda _: CONTENTS[1])

    @property
    def synced(self) -> tuple[bytes, ...]:
        """Every file's content as it was last fsynced, whatever became of its name."""
        return tuple(file.synced for file in self._files.values() if file.synced)

    def states(self, chance: random.Random) -> Iterator[State]:
        """States that a cut may leave now: the plain ones, and some drawn by `chance`. Some may be equal."""
        for renames in (self._pending, []):
            for contents in (*CONTENTS, *((_always(Sector.GARBAGE),) if self._weak else ())):
                yield self._state(renames, lambda _, contents=contents: contents)  # type: ignore[misc]
        sectors = tuple(Sector) if self._weak else (Sector.NEW, Sector.OLD, Sector.LOST)
        for _ in range(RANDOM_STATES):
            if self._weak:
                renames = [each for each in self._pending if chance.random() < 0.5]
            else:
                renames = self._pending[: chance.randint(0, len(self._pending))]
            each_sector: Choose = lambda *_: chance.choice(sectors)  # noqa: E731
            yield self._state(renames, lambda _: chance.choice((*CONTENTS, each_sector)))  # noqa: B023

    def _state(self, renames: list[Rename], contents: Callable[[int], Choose]) -> State:
        names = dict(self._names)
        self._keep(names, renames)
        files: dict[str, bytes] = {}
        folders: list[str] = []
        waiting = [(ROOT, "")]
        while waiting:
            folder, prefix = waiting.pop()
            for (_, name), inode in sorted(each for each in names.items() if each[0][0] == folder):
                path = prefix + name
                if inode in self._files:
                    files[path] = self._files[inode].content(contents(inode))
                else:
                    folders.append(path)
                    waiting.append((inode, f"{path}/"))
        return State(tuple(sorted(files.items())), tuple(sorted(folders)))


def _touches(rename: Rename, folder: int) -> bool:
    return any(name[0] == folder for name, _ in rename.names)
