"""A stamp vouches for files that are on the disk."""

import os
from pathlib import Path

import pytest

from stack.toolchain import stamps


def test_everything_is_on_the_disk_before_the_stamp_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    monkeypatch.setattr(os, "sync", lambda: seen.append((tmp_path / ".stamp").exists()))
    stamps.write(tmp_path / ".stamp", "what it was made from")
    assert seen == [False]
    assert (tmp_path / ".stamp").read_text() == "what it was made from"
