"""What every source promises that can read again what it has read; see test_live_contract.py for the others."""

import gzip
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from collecting.source_api import Line, Source
from tests.collecting.sources.reading import open_source

CONTENT = b"".join(b'{"n":%d,"text":"%s"}\n' % (n, b"x" * (n * 37 % 900)) for n in range(300)) + b"\r\n\nlast, no end"


def plain(folder: Path) -> str:
    (folder / "a.jsonl").write_bytes(CONTENT)
    return f"file:{folder}/a.jsonl"


def gz(folder: Path) -> str:
    (folder / "a.jsonl.gz").write_bytes(gzip.compress(CONTENT))
    return f"file:{folder}/a.jsonl.gz"


def zst_of_two_frames(folder: Path) -> str:
    compressor = zstandard.ZstdCompressor()
    (folder / "a.zst").write_bytes(compressor.compress(CONTENT[:7000]) + compressor.compress(CONTENT[7000:]))
    return f"file:{folder}/a.zst"


def several_files(folder: Path) -> str:
    plain(folder)
    gz(folder)
    (folder / "empty.jsonl").touch()
    return f"file:{folder}/a.jsonl,{folder}/empty.jsonl,{folder}/a.jsonl.gz,pace=100000"


def simulator(folder: Path) -> str:  # noqa: ARG001
    return "simulator:posts=2300,seed=3,malformed=0.05"


def selected(folder: Path) -> str:
    return f"{plain(folder)},langs=und+en,dialect=text"


def limited(folder: Path) -> str:
    return f"{several_files(folder)},limit=303,dialect=text"


def one_of_several(folder: Path) -> str:
    (folder / "empty").touch()
    return f"{plain(folder)} file:{folder}/empty"


SOURCES = [plain, gz, zst_of_two_frames, several_files, simulator, selected, limited, one_of_several]


@pytest.fixture(params=SOURCES, ids=lambda made: made.__name__)
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Source]:
    address = request.param(tmp_path)
    return lambda: open_source(*address.split())


def take(source: Source, after: str | None = None) -> list[Line]:
    return [item for item in source.read(after, threading.Event()) if isinstance(item, Line)]


def test_goes_on_from_any_cursor_with_exactly_the_rest(reopen: Callable[[], Source]) -> None:
    lines = take(reopen())
    assert len(lines) > 300
    for place in [0, 1, 2, len(lines) // 2, len(lines) - 3, len(lines) - 2, len(lines) - 1]:
        assert take(reopen(), lines[place].cursor) == lines[place + 1 :]


def test_no_two_lines_have_one_cursor(reopen: Callable[[], Source]) -> None:
    cursors = [line.cursor for line in take(reopen())]
    assert len(set(cursors)) == len(cursors)


def test_read_twice_gives_the_same_lines(reopen: Callable[[], Source]) -> None:
    first = take(reopen())
    assert take(reopen(), first[0].cursor) == first[1:]  # a simulator's start is chosen once, then kept by the cursor


def test_ends_soon_after_a_stop(reopen: Callable[[], Source]) -> None:
    stop = threading.Event()
    lines = reopen().read(None, stop)
    next(lines)
    stop.set()
    assert len(list(lines)) <= 1


def test_names_the_same_lines_by_the_same_slug(reopen: Callable[[], Source]) -> None:
    source_id = reopen().source_id
    assert source_id == reopen().source_id
    assert len(source_id) < 80
    assert source_id.replace("-", "").replace(".", "").replace("_", "").isalnum()


def test_no_line_has_its_end(reopen: Callable[[], Source]) -> None:
    assert not [line for line in take(reopen()) if line.raw.endswith(b"\n")]
