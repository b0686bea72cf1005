"""Records what this process does to a folder, by way of `os` and `open`, while it does it."""

from __future__ import annotations

import builtins
import io
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from tests.powercut.disk import ROOT, Disk, FileSystem, Name, Operation, Outside, Rename, State, Sync, Truncate, Write

KILLED = "killed"
_PATCHED = (
    *("open", "write", "pwrite", "ftruncate", "truncate", "fsync", "fdatasync", "close"),
    *("rename", "replace", "unlink", "remove", "mkdir", "rmdir", "link", "symlink", "sendfile", "writev"),
)
_REAL: dict[str, Callable[..., Any]] = {name: getattr(os, name) for name in _PATCHED}
_REAL_OPEN = io.open


def snapshot(root: Path) -> State:
    """The folder as it is."""
    paths = sorted(root.rglob("*"))
    files = tuple((str(each.relative_to(root)), each.read_bytes()) for each in paths if each.is_file())
    return State(files, tuple(str(each.relative_to(root)) for each in paths if each.is_dir()))


class Recording:
    """The operations below one folder, in the order in which they took effect, whatever the thread.

    Attributes:
        before: the folder as it was at the beginning.
        operations: what has happened since.
    """

    def __init__(self, root: Path, continued: Recording | None = None, at: int = 0) -> None:
        """With `continued`: the folder is as that recording's first `at` operations have left it, synced or not."""
        self.before: State = snapshot(root) if continued is None else continued.before
        self.operations: list[Operation] = [] if continued is None else continued.operations[:at]
        self._root = root
        self._lock = threading.RLock()
        self._names: dict[Name, int] = {}
        self._folders = {ROOT}
        self._descriptors: dict[int, int] = {}
        self._inodes = 0
        for path in (*self.before.folders, *(path for path, _ in self.before.files)):
            self._names[self._name(root / path)] = self._new(folder=path in self.before.folders)
        for operation in self.operations:
            if isinstance(operation, Rename):
                self._change(operation.names)
        if continued is not None:
            self._folders, self._inodes = continued._folders, continued._inodes
            self.note(KILLED)

    def note(self, what: str, value: object = None) -> None:
        """Something outside the folder, at its place among the operations."""
        with self._lock:
            self.operations.append(Outside(what, value))

    def replayed(self, file_system: FileSystem) -> Disk:
        """A disk after all operations."""
        disk = Disk(file_system, self.before)
        for operation in self.operations:
            disk.apply(operation)
        return disk

    @contextmanager
    def running(self) -> Iterator[Recording]:
        """While this lasts everything is recorded. What is opened before is not seen."""
        ours = {name: getattr(self, f"_{name}") for name in _PATCHED}
        opens = (mock.patch.object(module, "open", self._io_open) for module in (io, builtins))
        with mock.patch.multiple(os, **ours), next(opens), next(opens):
            yield self

    # -- inodes and names

    def _new(self, *, folder: bool = False) -> int:
        self._inodes += 1
        if folder:
            self._folders.add(self._inodes)
        return self._inodes

    def _name(self, path: Any) -> Name:
        """The folder's inode and the name in it. Raises KeyError: it is not below the root."""
        parts = Path(os.path.abspath(path)).relative_to(self._root).parts  # noqa: PTH100 - resolves no link
        folder = ROOT
        for part in parts[:-1]:
            folder = self._names[folder, part]
        return folder, parts[-1] if parts else ""

    def _inode(self, target: Any) -> int | None:
        """Of a descriptor or a path; None if it is none of ours."""
        if isinstance(target, int):
            return self._descriptors.get(target)
        try:
            name = self._name(target)
        except (ValueError, KeyError):
            return None
        return ROOT if name == (ROOT, "") else self._names.get(name)

    def _below(self, path: Any) -> bool:
        return not isinstance(path, int) and Path(os.path.abspath(path)).is_relative_to(self._root)  # noqa: PTH100

    def _renamed(self, *names: tuple[Name, int | None]) -> None:
        self._change(names)
        self.operations.append(Rename(names))

    def _change(self, names: tuple[tuple[Name, int | None], ...]) -> None:
        for name, inode in names:
            if inode is None:
                del self._names[name]
            else:
                self._names[name] = inode

    # -- os

    def _open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        with self._lock:
            descriptor: int = _REAL["open"](path, flags, mode, dir_fd=dir_fd)
            if dir_fd is not None or not self._below(path):
                return descriptor
            inode = self._inode(path)
            if inode is None:
                inode = self._new()
                self.operations.append(Truncate(inode, 0))
                self._renamed((self._name(path), inode))
            elif flags & os.O_TRUNC:
                self.operations.append(Truncate(inode, 0))
            self._descriptors[descriptor] = inode
            return descriptor

    def _write(self, descriptor: int, data: Any) -> int:
        with self._lock:
            size: int = _REAL["write"](descriptor, data)
            inode = self._descriptors.get(descriptor)
            if inode is not None:
                offset = os.lseek(descriptor, 0, os.SEEK_CUR) - size
                self.operations.append(Write(inode, offset, bytes(data)[:size]))
            return size

    def _pwrite(self, descriptor: int, data: Any, offset: int) -> int:
        with self._lock:
            size: int = _REAL["pwrite"](descriptor, data, offset)
            inode = self._descriptors.get(descriptor)
            if inode is not None:
                self.operations.append(Write(inode, offset, bytes(data)[:size]))
            return size

    def _truncate(self, target: Any, size: int) -> None:
        with self._lock:
            _REAL["truncate"](target, size)
            inode = self._inode(target)
            if inode is not None:
                self.operations.append(Truncate(inode, size))

    _ftruncate = _truncate

    def _fsync(self, target: Any) -> None:
        descriptor = target if isinstance(target, int) else target.fileno()
        with self._lock:
            inode = self._descriptors.get(descriptor)
            if inode is None:
                _REAL["fsync"](descriptor)
            else:  # the disk under a test needs no sync
                self.operations.append(Sync(inode, stat.S_ISDIR(os.fstat(descriptor).st_mode)))

    _fdatasync = _fsync

    def _close(self, descriptor: int) -> None:
        with self._lock:
            self._descriptors.pop(descriptor, None)
            _REAL["close"](descriptor)

    def _replace(self, source: Any, target: Any, **folders: Any) -> None:
        with self._lock:
            _REAL["replace"](source, target, **folders)
            inode = self._inode(source)
            if inode is not None:
                self._renamed((self._name(source), None), (self._name(target), inode))

    _rename = _replace

    def _unlink(self, path: Any, **folders: Any) -> None:
        with self._lock:
            _REAL["unlink"](path, **folders)
            if self._below(path):
                self._renamed((self._name(path), None))

    _remove = _unlink
    _rmdir = _unlink

    def _mkdir(self, path: Any, mode: int = 0o777, **folders: Any) -> None:
        with self._lock:
            _REAL["mkdir"](path, mode, **folders)
            if self._below(path):
                self._renamed((self._name(path), self._new(folder=True)))

    def _refuse(self, *_: Any, **__: Any) -> None:
        raise NotImplementedError("the recording doesn't know this call yet")

    _link = _symlink = _sendfile = _writev = _refuse

    # -- open

    def _io_open(
        self,
        file: Any,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        **others: Any,
    ) -> Any:
        """io.open: its own writes don't come by way of `os`, so what writes below the root gets a file that does."""
        ours = file in self._descriptors if isinstance(file, int) else self._below(file)
        if not ours or not set(mode) & set("wax+"):
            return _REAL_OPEN(file, mode, buffering, encoding, errors, newline, **others)
        raw = _RecordedFile(file if isinstance(file, int) else os.open(file, _flags(mode), 0o666))
        whole = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return whole if "b" in mode else io.TextIOWrapper(whole, encoding, errors, newline)


def _flags(mode: str) -> int:
    flags = os.O_CLOEXEC | (os.O_RDWR if "+" in mode else os.O_WRONLY)
    extra = {"w": os.O_CREAT | os.O_TRUNC, "a": os.O_CREAT | os.O_APPEND, "x": os.O_CREAT | os.O_EXCL, "r": 0}
    return flags | next(extra[each] for each in mode if each in extra)


class _RecordedFile(io.RawIOBase):
    """A file by way of `os`."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def readinto(self, buffer: Any) -> int:
        return os.readv(self._descriptor, [buffer])

    def write(self, data: Any) -> int:
        return os.write(self._descriptor, bytes(data))

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return os.lseek(self._descriptor, offset, whence)

    def truncate(self, size: int | None = None) -> int:
        wanted = self.tell() if size is None else size
        os.ftruncate(self._descriptor, wanted)
        return wanted

    def close(self) -> None:
        if not self.closed:
            super().close()
            os.close(self._descriptor)
