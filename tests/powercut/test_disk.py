"""The simulated disk and the recording, by programs that are known to be right or wrong."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.powercut.disk import FileSystem, State
from tests.powercut.recording import Recording, snapshot

both = pytest.mark.parametrize("file_system", FileSystem, ids=lambda each: each.value)


def states(root: Path, file_system: FileSystem, *programs: Callable[[Path], None]) -> set[State]:
    """What a cut may leave after the last program, the ones before it long done."""
    for program in programs[:-1]:
        program(root)
    recording = Recording(root)
    with recording.running():
        programs[-1](root)
    assert recording.replayed(file_system).now() == snapshot(root)
    return set(recording.replayed(file_system).states(random.Random(1)))  # noqa: S311


def contents(found: set[State], name: str) -> set[bytes | None]:
    return {dict(each.files).get(name) for each in found}


def old(root: Path) -> None:
    (root / "file").write_bytes(b"old")


def renamed_without_a_sync(root: Path) -> None:
    (root / "aside").write_bytes(b"new")
    (root / "aside").replace(root / "file")


def renamed_after_a_sync(root: Path) -> None:
    with (root / "aside").open("wb") as file:
        file.write(b"new")
        file.flush()
        os.fsync(file.fileno())
    (root / "aside").replace(root / "file")


def renamed_between_syncs(root: Path) -> None:
    renamed_after_a_sync(root)
    folder = os.open(root, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


@both
def test_a_rename_may_come_before_the_content(file_system: FileSystem, tmp_path: Path) -> None:
    assert {b"old", b"new", b""} <= contents(states(tmp_path, file_system, old, renamed_without_a_sync), "file")


@both
def test_a_rename_may_be_lost_until_its_folder_is_synced(file_system: FileSystem, tmp_path: Path) -> None:
    assert contents(states(tmp_path, file_system, old, renamed_after_a_sync), "file") == {b"old", b"new"}


@both
def test_what_file_and_folder_have_synced_is_there(file_system: FileSystem, tmp_path: Path) -> None:
    assert contents(states(tmp_path, file_system, old, renamed_between_syncs), "file") == {b"new"}


@both
def test_what_is_appended_may_be_missing_torn_or_zeros(file_system: FileSystem, tmp_path: Path) -> None:
    def append(root: Path) -> None:
        with (root / "file").open("ab") as file:
            file.write(b"x" * 1021)

    found = contents(states(tmp_path, file_system, old, append), "file")
    whole, torn = b"old" + b"x" * 1021, b"old" + b"x" * 509
    assert {b"old", whole, torn, torn + bytes(512), b"old" + bytes(1021), b"old" + bytes(509) + b"x" * 512} <= found


def test_only_a_weak_disk_leaves_garbage(tmp_path: Path) -> None:
    def append(root: Path) -> None:
        with (root / "file").open("ab") as file:
            file.write(b"x" * 1021)

    for file_system, garbage in ((FileSystem.EXT4, False), (FileSystem.WEAK, True)):
        folder = tmp_path / file_system.value
        folder.mkdir()
        found = b"".join(each or b"" for each in contents(states(folder, file_system, old, append), "file"))
        assert (set(found) > set(b"old\0x")) == garbage


def test_an_fsync_of_another_file_makes_names_last_on_ext4_alone(tmp_path: Path) -> None:
    def sync_another(root: Path) -> None:
        (root / "first").write_bytes(b"")
        renamed_after_a_sync(root)
        with (root / "second").open("wb") as file:
            os.fsync(file.fileno())

    for file_system, names in ((FileSystem.EXT4, {b""}), (FileSystem.WEAK, {b"", None})):
        folder = tmp_path / file_system.value
        folder.mkdir()
        assert contents(states(folder, file_system, sync_another), "first") == names


def test_a_call_that_the_recording_does_not_know_is_refused(tmp_path: Path) -> None:
    old(tmp_path)
    with Recording(tmp_path).running(), pytest.raises(NotImplementedError):
        (tmp_path / "other").hardlink_to(tmp_path / "file")
