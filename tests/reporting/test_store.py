"""Files and revisions."""

import os
import stat
from pathlib import Path

import pytest

from reporting.store import write_file


def test_a_file_is_replaced_whole_and_others_may_read_it(tmp_path: Path) -> None:
    target = tmp_path / "2026-01-31" / "hashtags.html"
    write_file(target, b"old and longer")
    write_file(target, b"new")
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
    assert list(target.parent.iterdir()) == [target]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "hashtags.html"
    write_file(target, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("contract.files.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_file(target, b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_what_a_killed_writer_left_aside_is_removed_at_the_next_write(tmp_path: Path) -> None:
    left = tmp_path / ".other.0123abcd.tmp"
    left.write_text("half")
    os.utime(left, (0, 0))
    write_file(tmp_path / "name", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["name"]
