"""Cursors, the acknowledged position and what is decided once: read as they were written, absent before."""

from pathlib import Path

import pytest

from contract.spool import choices
from contract.spool.choices import Target
from contract.spool.cursors import read_cursors, remember_cursor
from contract.spool.position import Acked, Position, read_acked, write_acked
from contract.topic_log import LogEnd


def test_cursors_are_kept_by_source_the_latest_last(tmp_path: Path) -> None:
    assert read_cursors(tmp_path) == {}
    for source_id, cursor in (("a", "1"), ("b", "2"), ("a", "3")):
        remember_cursor(tmp_path, source_id, cursor)
    assert list(read_cursors(tmp_path).items()) == [("b", "2"), ("a", "3")]


def test_the_acknowledged_position_is_kept(tmp_path: Path) -> None:
    assert read_acked(tmp_path) is None
    acked = Acked(Position(3, 4096, 17, 2)).marked(Position(3, 4000, 16, 2), {0: LogEnd(100, 3), 7: LogEnd(0, None)})
    write_acked(tmp_path, acked)
    assert read_acked(tmp_path) == acked


def test_what_nothing_else_says_outlives_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr("os.fsync", lambda descriptor: synced.append(Path(f"/proc/self/fd/{descriptor}").readlink()))
    write_acked(tmp_path, Acked(Position(3, 4096, 17, 2)))
    remember_cursor(tmp_path, "a", "1")
    assert [each.name.split(".")[1] if each != tmp_path else "the folder" for each in synced] == [
        "acked",
        "the folder",
        "cursors",
        "the folder",
    ]


def test_an_acknowledged_position_of_an_older_version_is_read(tmp_path: Path) -> None:
    (tmp_path / "acked.json").write_text('{"segment": 1, "offset": 99, "records": 5, "notes": 1}')
    assert read_acked(tmp_path) == Acked(Position(1, 99, 5, 1))


@pytest.mark.parametrize("content", ["", "{", "[]", '{"segment": 1}', '{"marks": [{}]}'])
def test_a_damaged_acknowledged_position_is_named_with_the_way_out(tmp_path: Path, content: str) -> None:
    (tmp_path / "acked.json").write_text(content)
    with pytest.raises(ValueError, match=r"acked\.json is damaged .* remove it"):
        read_acked(tmp_path)


def test_what_auto_stands_for_is_kept(tmp_path: Path) -> None:
    assert choices.read_auto(tmp_path) is None
    choices.write_auto(tmp_path, "jetstream")
    assert choices.read_auto(tmp_path) == "jetstream"


def test_cluster_and_topic_are_kept_until_their_file_is_removed(tmp_path: Path) -> None:
    assert choices.read_target(tmp_path) is None
    choices.write_target(tmp_path, Target("AbC", "topic-1"))
    assert choices.read_target(tmp_path) == Target("AbC", "topic-1")
    choices.target_path(tmp_path).unlink()
    assert choices.read_target(tmp_path) is None


def test_a_cluster_of_an_older_version_names_no_topic(tmp_path: Path) -> None:
    (tmp_path / "cluster").write_text("AbC\n")
    assert choices.read_target(tmp_path) == Target("AbC", None)


def test_an_empty_file_of_the_cluster_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "cluster").write_text("")
    with pytest.raises(ValueError, match="cluster is damaged: remove it"):
        choices.read_target(tmp_path)


def test_marks_get_sparser_with_their_age_and_none_is_four_times_as_old_as_a_loss() -> None:
    acked = Acked(Position(1, 0, 0, 0))
    for number in range(1, 1001):
        acked = acked.marked(Position(1, 0, number, 0), {0: LogEnd(number, 0)})
        kept = [each.number for each in acked.marks]
        assert len(kept) <= 22
        for lost in range(1, number // 4):
            assert any(lost <= number - each <= 4 * lost for each in kept)
