"""What a checkpoint's own files say."""

from pathlib import Path
from typing import cast

import pytest

from contract.manifest import OffsetRange
from counting.checkpoint import Checkpoint
from counting.files import Files

METADATA = '{"batchWatermarkMs":1000,"batchTimestampMs":8200000,"conf":{}}'


class Folder:
    """Files of a local folder, as far as a checkpoint reads them."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def exists(self, path: str) -> bool:
        return (self.root / path).exists()

    def names(self, path: str) -> list[str]:
        return sorted(each.name for each in (self.root / path).glob("*"))

    def read_text(self, path: str) -> str:
        return (self.root / path).read_text()

    def url(self, path: str) -> str:
        return f"file://{self.root}/{path}"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    return Checkpoint(cast(Files, Folder(tmp_path)), "c")


def write(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / "c" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_batch_0_begins_at_the_sources_initial_offsets(checkpoint: Checkpoint, tmp_path: Path) -> None:
    write(tmp_path, "sources/0/0", '\0v1\n{"posts":{"1":5,"0":7}}')
    write(tmp_path, "offsets/0", f'v1\n{METADATA}\n{{"posts":{{"0":9,"1":5}}}}')
    planned = checkpoint.planned(0)
    assert planned.offset_ranges == [OffsetRange("posts", 0, 7, 9), OffsetRange("posts", 1, 5, 5)]
    assert (planned.processed_at_ms, planned.watermark_ms) == (8200000, 1000)


def test_a_later_batch_begins_where_the_last_one_ended_and_new_partitions_at_0(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    write(tmp_path, "offsets/9", f'v1\n{METADATA}\n{{"posts":{{"0":9}}}}')
    write(tmp_path, "offsets/10", f'v1\n{METADATA}\n{{"posts":{{"0":12,"1":3}}}}')
    assert checkpoint.planned(10).offset_ranges == [OffsetRange("posts", 0, 9, 12), OffsetRange("posts", 1, 0, 3)]


def test_the_newest_planned_batch_is_the_highest_number(checkpoint: Checkpoint, tmp_path: Path) -> None:
    assert checkpoint.newest() is None
    for name in ("9", "10", ".11.crc", "12.tmp"):
        write(tmp_path, f"offsets/{name}", "")
    assert checkpoint.newest() == 10


def test_an_offset_log_of_another_version_is_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    write(tmp_path, "offsets/9", "v2\n{}\n{}")
    with pytest.raises(ValueError, match="offsets/9: expected version v1"):
        checkpoint.planned(9)


def test_a_checkpoint_is_new_until_it_has_planned_something(checkpoint: Checkpoint, tmp_path: Path) -> None:
    assert checkpoint.is_new()
    write(tmp_path, "metadata", "{}")
    assert checkpoint.is_new()
    write(tmp_path, "sources/0/0", "")
    assert not checkpoint.is_new()


def test_a_checkpoint_without_its_identity_is_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    write(tmp_path, "offsets/3", "")
    with pytest.raises(ValueError, match="offsets up to batch 3 but no `metadata`"):
        checkpoint.is_new()
