"""Disk and memory: refused with the number that is needed."""

import errno
from pathlib import Path

import pytest

from stack.toolchain import LineReport, ToolchainError, disk_space, fetch
from stack.toolchain.disk_space import available_memory_bytes, require_disk, require_memory, unwritable


def test_too_little_disk_says_how_much_is_needed(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match=r"the jars needs? 1000000\.0 GB, .* GB free"):
        require_disk(tmp_path / "not" / "yet", 10**15, "the jars")
    require_disk(tmp_path / "not" / "yet", 1, "the jars")


def test_a_folder_that_can_not_be_written_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ToolchainError, match=r"file/parts can't be written .*HASHTIDE_PARTS"):
        fetch(tmp_path / "file" / "parts", LineReport())
    full = unwritable(tmp_path, OSError(errno.ENOSPC, "No space left on device"))
    assert "is on a full disk" in str(full)


def test_too_little_memory_says_how_much_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_space, "available_memory_bytes", lambda: 2_000_000_000)
    with pytest.raises(ToolchainError, match=r"needs 5\.5 GB of memory, 2\.0 GB are available"):
        require_memory()


def test_a_containers_limit_counts_where_it_is_lower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    meminfo, limit, use = tmp_path / "meminfo", tmp_path / "memory.max", tmp_path / "memory.current"
    meminfo.write_text("MemTotal:  16000000 kB\nMemAvailable:   8000000 kB\n")
    monkeypatch.setattr(disk_space, "CGROUP_LIMITS", (limit,))
    monkeypatch.setattr(disk_space, "CGROUP_USES", (use,))
    assert available_memory_bytes(meminfo) == 8_000_000 * 1024
    limit.write_text("4000000000\n")
    use.write_text("1000000000\n")
    assert available_memory_bytes(meminfo) == 3_000_000_000
    limit.write_text("max\n")
    assert available_memory_bytes(meminfo) == 8_000_000 * 1024


def test_where_memory_can_not_be_known_nothing_is_refused(tmp_path: Path) -> None:
    assert available_memory_bytes(tmp_path / "no meminfo") is None
