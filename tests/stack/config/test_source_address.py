"""Addresses of sources, as far as the launcher reads them."""

from pathlib import Path

import pytest

from contract.source_address import read_stored, shown
from stack.config import source_address
from stack.config.errors import StackError
from stack.config.source_address import parsed


def finite(text: str) -> str:
    return shown(source_address.finite(read_stored(text)))


def absolute(text: str) -> str:
    return shown(source_address.absolute(read_stored(text)))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("simulator", "simulator:posts=20000"),
        ("simulator:seed=7,rate=0", "simulator:posts=20000,seed=7,rate=0"),
        ("simulator:posts=0,seed=7", "simulator:posts=20000,seed=7"),
        ("simulator:seed=7,posts=5", "simulator:seed=7,posts=5"),
        ("file:/a.jsonl", "file:/a.jsonl"),
        ("jetstream:limit=5", "jetstream:limit=5"),
        ("tcp:localhost:5,duration_s=1.5", "tcp:localhost:5,duration_s=1.5"),
        ("tcp:localhost:5,ends=1", "tcp:localhost:5,ends=1"),
        ("file:/a.jsonl simulator", "file:/a.jsonl simulator:posts=20000"),
    ],
)
def test_only_an_endless_simulator_is_cut(address: str, expected: str) -> None:
    assert finite(address) == expected


@pytest.mark.parametrize("address", ["auto", "jetstream:limit=0", "file:/a.jsonl tcp:localhost:5", "x:terms=limit=5"])
def test_what_never_ends_is_not_waited_for(address: str) -> None:
    with pytest.raises(StackError, match=r"--until-done: \S+ never ends; give it an end \(`limit=N`"):
        finite(address)


def test_blanks_and_commas_of_a_path_are_written_as_codes(tmp_path: Path) -> None:
    folder = tmp_path / "50% of, my posts"
    folder.mkdir()
    (folder / "a.jsonl").touch()
    written = f"file:{tmp_path}/50%25%20of%2C%20my%20posts/a.jsonl"
    assert absolute(f"file:{tmp_path}/50%25 of%2C my posts/a.jsonl simulator") == f"{written} simulator"
    assert absolute(written) == written


def test_paths_become_absolute_and_settings_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a=1.jsonl").touch()
    (tmp_path / "b.gz").touch()
    monkeypatch.chdir(tmp_path)
    expected = f"file:{tmp_path}/a=1.jsonl,{tmp_path}/b.gz,pace=5"
    assert absolute("file:./a=1.jsonl,b.gz,pace=5") == expected
    assert absolute(expected) == expected
    assert absolute("simulator:posts=5") == "simulator:posts=5"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"there is no file .*/nowhere\.jsonl"):
        absolute(f"file:{tmp_path}/nowhere.jsonl")


def test_what_the_collector_would_refuse_is_refused_before_anything_starts() -> None:
    source_address.require_understood(parsed(["simulator:posts=10", "simulator:posts=11"]))
    with pytest.raises(StackError, match=r"^--source: unknown source 'rumour'; known are "):
        source_address.require_understood(parsed(["simulator", "rumour:today"]))


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        ([""], "--source is empty; name a source, or leave the option out"),
        (["simulator", " "], "--source is empty"),
        (["file:a,,b"], "--source: source 'file:a,,b': an empty part between commas"),
    ],
)
def test_an_option_that_is_no_address_is_refused(texts: list[str], why: str) -> None:
    with pytest.raises(StackError, match=f"^{why}"):
        parsed(texts)


def test_an_option_is_one_address_whatever_white_space_is_in_it() -> None:
    (address,) = parsed(["file:/my auto"])
    assert address.items == ("/my auto",)
