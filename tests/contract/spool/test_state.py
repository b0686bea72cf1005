"""The state is read as it was written, by this version or an older one."""

import json
import os
from pathlib import Path

import pytest

from contract.source_address import SourceAddress, read_stored
from contract.spool.lock import Holder
from contract.spool.state import RUNNING, CollectorState, read_state

FILE = (SourceAddress("file", ("a",)),)


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    state = CollectorState(FILE, RUNNING, "held up", "file-0", 7, 5, 2, 100, updated_at=1767225600.125)
    state.write(tmp_path)
    assert read_state(tmp_path) == state
    assert state.is_of(Holder.own())


def test_on_disk_updated_at_is_iso_8601_and_the_process_start_epoch_seconds(tmp_path: Path) -> None:
    CollectorState(FILE, RUNNING, updated_at=1767225600.125).write(tmp_path)
    found = json.loads((tmp_path / "state.json").read_bytes())
    assert found["updated_at"] == "2026-01-01T00:00:00.125+00:00"
    assert (found["pid"], found["pid_started_at"]) == (os.getpid(), Holder.own().started_at)


def test_on_disk_the_sources_are_a_list_of_addresses(tmp_path: Path) -> None:
    CollectorState(read_stored(["jetstream", "file:/a b"]), RUNNING).write(tmp_path)
    assert json.loads((tmp_path / "state.json").read_bytes())["source"] == ["jetstream", "file:/a%20b"]


def test_an_older_versions_sources_are_one_text(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text('{"source": "jetstream  file:/a b", "status": "running"}')
    found = read_state(tmp_path)
    assert found is not None
    assert found.sources == read_stored(["jetstream", "file:/a b"])


def test_before_the_first_write_there_is_no_state(tmp_path: Path) -> None:
    assert read_state(tmp_path) is None


def test_what_an_older_version_did_not_write_is_empty(tmp_path: Path) -> None:
    old = {"source": "file:a", "status": "running", "pid_started_at": "2026-01-01T00:00:00+00:00", "error": None}
    (tmp_path / "state.json").write_text(json.dumps(old))
    found = read_state(tmp_path)
    assert found == CollectorState(FILE, RUNNING, pid=0, pid_started_at=1767225600.0, updated_at=0.0)
    assert not found.is_of(Holder.own())


def test_what_a_newer_version_adds_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text('{"source": "file:a", "status": "running", "mood": "good"}')
    assert read_state(tmp_path) is not None


@pytest.mark.parametrize("content", ["{", "[]", "null", '{"source": "file:a"}', '{"pid": 1}', "\0"])
def test_what_is_no_state_is_an_error_that_names_the_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "state.json").write_text(content)
    with pytest.raises(ValueError, match=r"state\.json"):
        read_state(tmp_path)


def test_an_empty_file_is_no_state_yet(tmp_path: Path) -> None:
    (tmp_path / "state.json").touch()
    assert read_state(tmp_path) is None
