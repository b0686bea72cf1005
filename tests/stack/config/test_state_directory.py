"""StateDirectory: one directory for all state, and a socket path that always fits."""

import os
import stat
from pathlib import Path

import pytest

from stack.config.errors import StackError
from stack.config.state_directory import StateDirectory, private_runtime_dir


def test_a_short_homes_socket_is_inside_it() -> None:
    assert StateDirectory(Path("/srv/h")).socket == Path("/srv/h/run/supervisor.sock")


def test_a_long_homes_socket_is_in_a_short_private_folder_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    one, other = StateDirectory(Path("/" + "x" * 100)), StateDirectory(Path("/" + "y" * 100))
    assert one.socket != other.socket
    assert one.socket.parent == other.socket.parent == tmp_path / f"hashtide-{os.getuid()}"
    assert stat.S_IMODE(one.socket.parent.stat().st_mode) == 0o700


def test_a_runtime_folder_that_is_a_link_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"hashtide-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StackError, match="belongs to another user"):
        private_runtime_dir()


def test_a_home_that_cant_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StackError, match="choose another with --home"):
        StateDirectory(tmp_path / "file" / "home").make()


def test_logs_are_found_by_the_names_of_their_stages(tmp_path: Path) -> None:
    home = StateDirectory(tmp_path)
    assert home.log_files() == {}
    containers = tmp_path / "data" / "nm-logs" / "application_7_0002"
    files = {
        "kafka": home.logs / "kafka.log",
        "collect": home.spool / "collector.log",
        "count": containers / "container_e02_7_0002_02_000001" / "stdout",
        "container-0002_02_000002-stdout": containers / "container_e02_7_0002_02_000002" / "stdout",
    }
    older = tmp_path / "data" / "nm-logs" / "application_7_0001" / "container_e02_7_0001_01_000001" / "stderr"
    for file in (*files.values(), older, containers / "container_e02_7_0002_01_000001" / "stderr"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    found = home.log_files()
    assert {name: found[name] for name in files} == files
    assert older not in found.values()
