"""Files are replaced whole or not at all; one process holds a lock."""

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from contract.files import FileLock, LockHeld, remove_leftovers, write_atomically


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")
    write_atomically(path, "größer")
    assert path.read_text("utf-8") == "größer"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new", durably=True)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_durable_file_is_synced_before_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr("os.fsync", lambda descriptor: synced.append(Path(f"/proc/self/fd/{descriptor}").readlink()))
    write_atomically(tmp_path / "file", b"x", durably=True)
    assert [each.parent for each in synced] == [tmp_path, tmp_path.parent]
    assert synced[0].name.startswith(".file.")
    assert synced[1] == tmp_path


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o644])
def test_the_mode_is_as_asked_whatever_the_umask_and_the_old_file(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "file"
    path.touch(0o666)
    before = os.umask(0o077)
    try:
        write_atomically(path, b"x", mode=mode)
    finally:
        os.umask(before)
    assert mode_of(path) == mode


def test_a_secret_is_private_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr("os.fsync", lambda descriptor: seen.append(stat.S_IMODE(os.fstat(descriptor).st_mode)))
    write_atomically(tmp_path / "secret", b"x", durably=True, mode=0o400)
    assert seen[0] == 0o400


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("theirs")
    (tmp_path / "ours").symlink_to(tmp_path / "theirs")
    write_atomically(tmp_path / "ours", b"ours")
    assert (tmp_path / "theirs").read_text() == "theirs"
    assert not (tmp_path / "ours").is_symlink()


def test_a_second_holder_does_not_wait_and_learns_who_holds_it(tmp_path: Path) -> None:
    with FileLock(tmp_path / "l"), pytest.raises(LockHeld, match=f"/l is held by process {os.getpid()}"):
        FileLock(tmp_path / "l")
    with FileLock(tmp_path / "l") as again:
        assert again.descriptor >= 0


def test_a_lock_is_waited_for_within_a_limit(tmp_path: Path) -> None:
    polls: list[float] = []
    began = time.monotonic()
    with FileLock(tmp_path / "l") as first:
        with pytest.raises(LockHeld):
            FileLock(tmp_path / "l", within_s=0.2)
        assert time.monotonic() - began >= 0.2

        def let_go() -> None:
            polls.append(time.monotonic())
            first.close()

        with FileLock(tmp_path / "l", within_s=10, while_waiting=let_go):
            assert len(polls) == 1


def test_a_lock_lives_as_long_as_the_child_that_inherited_it(tmp_path: Path) -> None:
    with FileLock(tmp_path / "l") as lock:
        orphan = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], pass_fds=(lock.descriptor,))
    try:
        with pytest.raises(LockHeld):
            FileLock(tmp_path / "l")
    finally:
        orphan.kill()
        orphan.wait()
    FileLock(tmp_path / "l").close()


def test_the_line_names_the_holder_and_nothing_of_an_earlier_one(tmp_path: Path) -> None:
    (tmp_path / "l").write_text("what an earlier one left, which is longer\n" * 9)
    with FileLock(tmp_path / "l", name="7 and more"):
        assert (tmp_path / "l").read_text() == "7 and more\n"
        with pytest.raises(LockHeld, match=r"held by process 7$"):
            FileLock(tmp_path / "l")


def test_a_lock_whose_line_can_not_be_read_is_held_by_somebody_unknown(tmp_path: Path) -> None:
    with FileLock(tmp_path / "l"):
        (tmp_path / "l").write_text("")
        with pytest.raises(LockHeld, match="held by process unknown"):
            FileLock(tmp_path / "l")


def test_a_lock_makes_its_folder(tmp_path: Path) -> None:
    with FileLock(tmp_path / "deep" / "er" / "l"):
        assert (tmp_path / "deep" / "er" / "l").exists()


def test_what_a_killed_writer_left_aside_is_removed_once_nobody_can_be_writing_it(tmp_path: Path) -> None:
    for name in (".token.0123abcd.tmp", ".token.4567abcd.tmp", "token", "other.tmp"):
        (tmp_path / name).write_text("secret")
    hours_ago = time.time() - 7200
    for name in (".token.0123abcd.tmp", "token", "other.tmp"):
        os.utime(tmp_path / name, (hours_ago, hours_ago))
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".token.4567abcd.tmp", "other.tmp", "token"]
