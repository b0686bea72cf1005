"""The small files of collector, jobs and launcher: after a cut each is as before or as after, and it is read."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from collecting.sources.x.spend import Budget, Spending
from contract.files import write_atomically
from contract.source_address import SourceAddress
from contract.spool import choices, collected, cursors, lock, position, state
from contract.spool.choices import Target
from contract.spool.position import Acked, Position
from hashtide_airflow import stop_requests, tokens
from hashtide_airflow.stop_requests import StopRequest
from reporting import store
from stack.config import ports, secrets, variables
from stack.config.state_directory import StateDirectory
from stack.daemons import restarts
from stack.daemons.restarts import Restarts
from tests.powercut.cuts import memory_folder
from tests.powercut.disk import Disk, FileSystem
from tests.powercut.recording import Recording

SOURCES = (SourceAddress("file", ("a",)),)
LAST = 3
"""Each file is written for 1, 2 and 3; 0 stands for a file that was never written."""


@dataclass(frozen=True)
class SmallFile:
    """How one file is written and read.

    Attributes:
        write: for a number; the folder is there.
        read: what is in it as that number; 0 where nothing is.
        durable: whether it must be there once it is written.
    """

    write: Callable[[Path, int], object]
    read: Callable[[Path], Any]
    durable: bool = True


def _state(folder: Path, number: int) -> None:
    # Longer than a sector, as an error's text may make it.
    state.CollectorState(SOURCES, state.RUNNING, "why " * 300, lines_read=number, pid=1, pid_started_at=1.0).write(
        folder
    )


def _collected_kinds(folder: Path) -> int:
    found = collected.read_collected(folder)
    assert [each.kinds for each in found] == [(f"kind{number}",) for number in range(1, len(found) + 1)]
    return len(found)


def _spend(folder: Path, number: int) -> None:
    del number
    spending = Spending(folder / "x-spend.json", Budget(posts_day=10), lambda: 1_700_000_000.0)
    spending.add()
    spending.close()


def _spent(folder: Path) -> int:
    spending = Spending(folder / "x-spend.json", Budget(posts_day=10), lambda: 1_700_000_000.0)
    spent = spending._day.posts - spending._ahead
    spending.close()
    return spent


def _tokens(folder: Path, number: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tokens, "FOLDER", folder / "tokens")
        tokens.write_secret("x", "token " * 100 + str(number))


def _request(folder: Path, act: Callable[[], Any]) -> Any:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(stop_requests, "FOLDER", folder / "wishes")
        return act()


def _last_word(path: Path) -> int:
    return int(path.read_text().split()[-1]) if path.exists() else 0


def _requested(folder: Path) -> int:
    found = _request(folder, lambda: stop_requests.pending("dag"))
    return int(found.at) if found else 0


FILES = {
    "acked.json": SmallFile(
        lambda folder, n: position.write_acked(folder, Acked(Position(n, n, n, n))),
        lambda folder: (position.read_acked(folder) or Acked(position.NOWHERE)).position.records,
    ),
    "cursors.json": SmallFile(
        lambda folder, n: cursors.remember_cursor(folder, "source", str(n)),
        lambda folder: int(cursors.read_cursors(folder).get("source", 0)),
    ),
    "auto.json": SmallFile(
        lambda folder, n: choices.write_auto(folder, str(n)), lambda folder: int(choices.read_auto(folder) or 0)
    ),
    "cluster": SmallFile(
        lambda folder, n: choices.write_target(folder, Target(str(n), str(n))),
        lambda folder: int((choices.read_target(folder) or Target("0", None)).cluster_id),
    ),
    "collected.jsonl": SmallFile(
        lambda folder, n: collected.note_kinds(folder, [f"kind{n}"], datetime(2026, 1, 1, tzinfo=UTC)),
        _collected_kinds,
    ),
    "state.json": SmallFile(_state, lambda folder: getattr(state.read_state(folder), "lines_read", 0), durable=False),
    "stop": SmallFile(
        lambda folder, n: lock.request_stop(folder, lock.Holder(n, 1.0)),
        lambda folder: lock.Holder.parse((folder / "stop").read_bytes()).pid if (folder / "stop").exists() else 0,
        durable=False,
    ),
    "x-spend.json": SmallFile(_spend, _spent),
    "a secret": SmallFile(
        lambda folder, n: secrets.write_private(folder / "secret", f"{n}\n"),
        lambda folder: _last_word(folder / "secret"),
    ),
    "ports.json": SmallFile(
        lambda folder, n: write_atomically(folder / "ports.json", f'{{"kafka": {n}}}', durably=True),
        lambda folder: ports.recall(StateDirectory(folder)).get("kafka", 0),
    ),
    "variables.json": SmallFile(
        lambda folder, n: variables.set_variable(folder / "variables.json", "name", str(n)),
        lambda folder: int(variables.read_variables(folder / "variables.json").get("name", 0)),
    ),
    "the tally of restarts": SmallFile(
        lambda folder, n: restarts.write(folder / "restarts.json", {"kafka": Restarts(n)}),
        lambda folder: restarts.read(folder / "restarts.json").get("kafka", Restarts()).count,
        durable=False,
    ),
    "a stop request": SmallFile(
        lambda folder, n: _request(folder, lambda: stop_requests.leave(StopRequest("dag", "run", float(n)))),
        _requested,
    ),
    "a token's file": SmallFile(_tokens, lambda folder: _last_word(folder / "tokens" / "x"), durable=False),
    "a report": SmallFile(
        lambda folder, n: store.write_file(folder / "2026" / "report.html", b"%d" % n),
        lambda folder: _last_word(folder / "2026" / "report.html"),
    ),
}


@pytest.mark.parametrize("file_system", FileSystem, ids=lambda each: each.value)
@pytest.mark.parametrize("name", FILES)
def test_after_a_cut_it_is_as_before_or_as_after_and_can_be_read(name: str, file_system: FileSystem) -> None:
    file, chance = FILES[name], random.Random(7)  # noqa: S311
    with memory_folder() as root:
        recording, written = Recording(root), []
        with recording.running():
            for number in range(1, LAST + 1):
                file.write(root, number)
                written.append(len(recording.operations))
    disk, tried = Disk(file_system), 0
    for at, operation in enumerate((None, *recording.operations)):
        if operation is not None:
            disk.apply(operation)
        begun = sum(each <= at for each in written)
        allowed = range(begun if file.durable else 0, min(begun + 1, LAST) + 1)
        for each in set(disk.states(chance)):
            with memory_folder() as root:
                each.write(root)
                assert file.read(root) in allowed, f"after operation {at}: {each}"
            tried += 1
    assert tried > len(recording.operations)


def test_after_a_cut_each_secret_is_whole_and_stays_what_it_was(tmp_path: Path) -> None:
    """What Postgres was given must be what the file says: a password is durable before anybody is told it."""
    home = StateDirectory(tmp_path)
    recording, chance = Recording(tmp_path), random.Random(7)  # noqa: S311
    with recording.running():
        home.make()
        secrets.Secrets(home).ensure()
    made = {name: secrets.Secrets(home)[name] for name in (*secrets.MAKERS, "airflow_admin")}
    disk = Disk(FileSystem.WEAK)
    for operation in recording.operations:
        disk.apply(operation)
        for each in set(disk.states(chance)):
            with memory_folder() as root:
                each.write(root)
                again = secrets.Secrets(StateDirectory(root))
                StateDirectory(root).make()
                again.ensure()
                assert len(again.admin_login()) == 2
                assert all(again[name] for name in made)
    for each in set(disk.states(chance)):
        found = {name.rpartition("/")[2]: content.decode().strip() for name, content in each.files}
        assert found == made
