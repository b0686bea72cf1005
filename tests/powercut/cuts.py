"""Cuts the power at every point of a recorded run, starts again from each state, and compares with the truth."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.powercut.disk import Disk, FileSystem, Outside, State
from tests.powercut.recording import KILLED, Recording, snapshot
from tests.powercut.runs import ACKED, SENT, FakeTopic, Run
from tests.powercut.topic import TopicRecord

SPOOL = "state/spool"  # below the recorded folder, so that its own making is recorded too


@dataclass(frozen=True)
class Cut:
    """A state after a cut, with what no cut may undo.

    Attributes:
        at: how many operations of the run had taken effect.
        records: in the topic.
        synced: the contents that every file had when it was last fsynced.
        acked: how many records of the spool are durably known to be acknowledged.
    """

    at: int
    state: State
    records: tuple[TopicRecord, ...]
    synced: tuple[bytes, ...]
    acked: int


@contextmanager
def memory_folder() -> Iterator[Path]:
    """An empty folder, in memory where there is such a file system."""
    memory = Path("/dev/shm")  # noqa: S108 - only looked for
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        yield Path(name).resolve()


def recorded(
    run: Run, root: Path, before: Sequence[TopicRecord] = (), recording: Recording | None = None
) -> tuple[Recording, FakeTopic]:
    """A run in a folder, and what it did; the recording is checked to be whole.

    Args:
        run: the run.
        root: the folder that is recorded; the spool is below it.
        before: what the topic held.
        recording: one to be continued.
    """
    topic = FakeTopic(list(before))
    recording = recording or Recording(root)
    topic.note = recording.note
    with recording.running():
        status = run.start(root / SPOOL, topic)
    assert status == 0
    assert recording.replayed(FileSystem.WEAK).now() == snapshot(root), "the recording has missed an operation"
    return recording, topic


def cuts(
    recording: Recording,
    before: Sequence[TopicRecord],
    file_system: FileSystem,
    chance: random.Random,
    points: Collection[int] | None = None,
) -> Iterator[Cut]:
    """States that a cut may leave at the given points of the run (None: at each), each once."""
    disk = Disk(file_system, recording.before)
    records, acked, seen = list(before), len(before), set()
    for at, operation in enumerate((None, *recording.operations)):
        if isinstance(operation, Outside):
            records += [operation.value] if operation.what == SENT else []  # type: ignore[list-item]
            # What was sent before a kill is in the topic by the next start: that is how the run was recorded.
            acked = len(records) if operation.what == KILLED else acked + (operation.what == ACKED)
        elif operation is not None:
            disk.apply(operation)
        if points is not None and at not in points:
            continue
        for state in disk.states(chance):
            # What was under way may have come to the topic or not.
            arrived = chance.choice((acked, len(records), chance.randint(acked, len(records))))
            if (key := hash((state, arrived))) not in seen:
                seen.add(key)
                yield Cut(at, state, tuple(records[:arrived]), disk.synced, _acked(disk.kept()))


def _acked(kept: State) -> int:
    content = dict(kept.files).get(f"{SPOOL}/acked.json")
    return int(json.loads(content)["records"]) if content else 0


def after(cut: Cut, *runs: Run) -> list[TopicRecord]:
    """The topic when these runs, one after another, have come to their ends from this state.

    Raises:
        AssertionError: one failed.
    """
    with memory_folder() as root:
        cut.state.write(root)
        topic = FakeTopic(list(cut.records))
        for run in runs:
            assert run.start(root / SPOOL, topic) == 0
        return topic.records


def sent_needlessly(cut: Cut, records: Sequence[TopicRecord]) -> list[TopicRecord]:
    """Records sent after the cut that were known to be acknowledged: after the dedup window they count twice."""
    first: dict[TopicRecord, int] = {}
    for record in records:
        first.setdefault(record, len(first))
    return [record for record in records[len(cut.records) :] if first[record] < cut.acked]
