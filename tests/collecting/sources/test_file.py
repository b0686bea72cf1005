"""Replay of files: line ends, long lines, damage."""

import gzip
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from collecting.source_api import CursorOnly, Gap, Item, Line, SourceError
from collecting.sources import file
from tests.collecting.sources.reading import open_source


def lines_of(address: str, after: str | None = None) -> list[bytes]:
    return [item.raw for item in open_source(address).read(after, threading.Event()) if isinstance(item, Line)]


def items_of(address: str, after: str | None = None) -> list[Item]:
    return list(open_source(address).read(after, threading.Event()))


def lines_until_it_fails(address: str) -> tuple[list[bytes], str]:
    taken = []
    with pytest.raises(SourceError) as failure:  # noqa: PT012 - what was read before it failed is the point
        for item in open_source(address).read(None, threading.Event()):
            assert isinstance(item, Line)
            taken.append(item.raw)
    return taken, str(failure.value)


def test_line_ends_are_cut_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"unix\nwindows\r\n\r\n  spaces \r\r\n\nlast\r")
    assert lines_of(f"file:{tmp_path}/a") == [b"unix", b"windows", b"", b"  spaces \r", b"", b"last\r"]


def test_a_line_of_two_megabytes_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a\n" + b"x" * 2_000_000 + b"\nb\n")
    assert [len(raw) for raw in lines_of(f"file:{tmp_path}/a")] == [1, 2_000_000, 1]


def test_a_line_beyond_all_measure_is_a_gap_and_reading_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "MAX_LINE_BYTES", 100)
    monkeypatch.setattr(file, "BUFFER_BYTES", 64)
    (tmp_path / "a").write_bytes(b"before\n" + b"x" * 1000 + b"\nafter\n")
    items = items_of(f"file:{tmp_path}/a")
    assert [type(item) for item in items] == [Line, Gap, Line, CursorOnly]
    gap = items[1]
    assert isinstance(gap, Gap)
    assert gap.why == f"{tmp_path}/a:2: a line of 1001 bytes is left out"
    assert lines_of(f"file:{tmp_path}/a", gap.cursor) == [b"after"]


def test_a_dialect_is_said_only_when_it_is_given(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one\n")
    for setting, dialect in (("", None), (",dialect=auto", None), (",dialect=text", "text")):
        item = items_of(f"file:{tmp_path}/a{setting}")[0]
        assert isinstance(item, Line)
        assert item.dialect == dialect


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_compressed_file_that_is_cut_off_gives_what_is_whole_then_fails(tmp_path: Path, suffix: str) -> None:
    noise = b"".join(os.urandom(40).hex().encode() + b"\n" for _ in range(20_000))
    whole = gzip.compress(noise) if suffix == ".gz" else zstandard.ZstdCompressor().compress(noise)
    (tmp_path / f"a{suffix}").write_bytes(whole[: len(whole) // 2])
    taken, why = lines_until_it_fails(f"file:{tmp_path}/a{suffix}")
    assert len(taken) > 1000
    assert noise.startswith(b"\n".join(taken))
    assert why.startswith(f"{tmp_path}/a{suffix}:{len(taken)}: cannot be read after this line:")


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_file_that_is_not_what_its_name_says_fails(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"a{suffix}").write_bytes(b'{"plain":"json"}\n' * 10)
    assert lines_until_it_fails(f"file:{tmp_path}/a{suffix}")[0] == []


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_file_that_is_shorter_than_what_was_read_of_it_fails(tmp_path: Path, suffix: str) -> None:
    pack = gzip.compress if suffix else bytes
    path = tmp_path / f"a{suffix}"
    path.write_bytes(pack(b"one\ntwo\nthree\n"))
    *_, last = open_source(f"file:{path}").read(None, threading.Event())
    path.write_bytes(pack(b"one\n"))
    with pytest.raises(SourceError, match=r"was read up to byte 14 of|was read up to byte 14 and has only 4"):
        lines_of(f"file:{path}", last.cursor)


def test_a_file_that_shrinks_under_the_reader_fails(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * 100 + b"\n")
    reading = open_source(f"file:{path}").read(None, threading.Event())
    next(reading)
    path.write_bytes(b"short\n")
    with pytest.raises(SourceError, match="has become shorter"):
        next(reading)


def test_a_second_file_that_disappears_fails_after_the_first_was_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one\n")
    (tmp_path / "b").write_bytes(b"two\n")
    reading = open_source(f"file:{tmp_path}/a,{tmp_path}/b").read(None, threading.Event())
    next(reading)
    (tmp_path / "b").unlink()
    with pytest.raises(SourceError, match=r"/b:0: .*No such file"):
        list(reading)


def test_lines_that_were_added_to_a_finished_file_are_read_next_time(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one\n")
    item = items_of(f"file:{tmp_path}/a")[-1]
    with (tmp_path / "a").open("ab") as more:
        more.write(b"two\n")
    assert lines_of(f"file:{tmp_path}/a", item.cursor) == [b"two"]


PACK: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}
OLD, NEW = (b"".join(b"%s %d\n" % (name, number) for number in range(20)) for name in (b"old", b"of the new file"))


def texts(items: list[Item]) -> list[str]:
    """What was read, in words; of the end nothing is said."""
    named = (
        (item.raw.decode() if isinstance(item, Line) else item.why)
        for item in items
        if not isinstance(item, CursorOnly)
    )
    return list(named)


@pytest.mark.parametrize("suffix", PACK)
def test_a_file_that_replaced_one_that_was_read_whole_is_read_from_its_start(
    tmp_path: Path, suffix: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(PACK[suffix](OLD))
    *_, last = items_of(f"file:{path}")
    path.write_bytes(PACK[suffix](NEW))
    assert texts(items_of(f"file:{path}", last.cursor)) == NEW.decode().splitlines()
    assert f"{path} was replaced since line 20 of it was read: reading it from its start" in caplog.text


@pytest.mark.parametrize("suffix", PACK)
@pytest.mark.parametrize("new", [NEW, NEW[:30]], ids=["longer", "shorter"])
def test_what_was_not_read_of_the_replaced_file_is_a_gap(tmp_path: Path, suffix: str, new: bytes) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(PACK[suffix](OLD))
    seventh = items_of(f"file:{path}")[6]
    path.write_bytes(PACK[suffix](new))
    gap = f"{path} was replaced: what followed line 7 (byte 42) of the old one, if anything, was not read"
    items = items_of(f"file:{path}", seventh.cursor)
    assert texts(items) == [gap, *new.decode().splitlines()]
    for number, item in enumerate(items):  # a crash after any of them
        assert texts(items_of(f"file:{path}", item.cursor)) == texts(items)[number + 1 :]


def test_a_log_that_was_rotated_by_renaming_is_read_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(OLD)
    reading = open_source(f"file:{path}").read(None, threading.Event())
    first = next(reading)
    path.rename(tmp_path / "log.1")
    path.write_bytes(b"new 1\n")
    rest = list(reading)  # what is open is read to its end
    assert texts([first, *rest]) == OLD.decode().splitlines()
    assert texts(items_of(f"file:{path}", rest[-1].cursor)) == ["new 1"]


def test_a_file_that_is_rewritten_under_the_reader_fails_and_is_then_read_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "BUFFER_BYTES", 16)
    monkeypatch.setattr("collecting.sources.compressed.BUFFER_BYTES", 16)
    path = tmp_path / "log"
    path.write_bytes(OLD)
    reading = open_source(f"file:{path}").read(None, threading.Event())
    taken = [next(reading)]
    path.write_bytes(NEW)
    with pytest.raises(SourceError, match="the file was rewritten while it was read"):
        taken += reading
    assert texts(items_of(f"file:{path}", taken[-1].cursor))[1:] == NEW.decode().splitlines()


@pytest.mark.parametrize("suffix", PACK)
def test_a_file_that_has_grown_is_read_on_from_any_line(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(PACK[suffix](OLD))
    items = items_of(f"file:{path}")
    path.write_bytes(PACK[suffix](OLD) + PACK[suffix](NEW))
    everything = (OLD + NEW).decode().splitlines()
    for number, item in enumerate(items, 1):
        assert texts(items_of(f"file:{path}", item.cursor)) == everything[min(number, 20) :]


def test_a_cursor_of_the_version_before_is_resumed_and_the_next_one_has_a_digest(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(OLD)
    items = items_of(f"file:{path}")
    again = items_of(f"file:{path}", "0:7:42")
    assert again == items[7:]
    assert items_of(f"file:{path}", "0:20:130") == items[-1:]


def test_a_file_that_is_read_to_its_end_says_so_once(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(OLD)
    *_, last = items_of(f"file:{path}")
    assert isinstance(last, CursorOnly)
    assert items_of(f"file:{path}", last.cursor) == []


@pytest.mark.parametrize("cursor", ["", "1:2", "a:b:c", "7:0:0", "-1:0:0", "0:1:2:end", "0:1:2:abc"])
def test_a_cursor_of_another_source_is_refused(tmp_path: Path, cursor: str) -> None:
    (tmp_path / "a").write_bytes(b"one\n")
    with pytest.raises(SourceError, match="cursor"):
        lines_of(f"file:{tmp_path}/a", cursor)
