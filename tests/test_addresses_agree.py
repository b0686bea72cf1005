"""Three parts take several sources' addresses apart, each for itself; this table holds them equal.

Nothing may be shared between them (docs/contracts.md, Imports).
"""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from collecting.addresses import Address
from collecting.sources import addresses_of
from stack.config import source_address
from stack.config.errors import StackError

REPO = Path(__file__).resolve().parent.parent


def _plugins_own() -> ModuleType:
    """By its path: the package around it imports Airflow, which takes seconds."""
    spec = importlib.util.spec_from_file_location(
        "plugins_addresses", REPO / "plugins" / "hashtide_airflow" / "addresses.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PLUGIN = _plugins_own()
SPLITTERS: dict[str, Callable[[str], list[str]]] = {
    "the collector": addresses_of,
    "the lease": PLUGIN.split,
    "the launcher": source_address.split,
}
CASES: dict[str, list[str]] = {
    "simulator": ["simulator"],
    "jetstream mastodon:a.example": ["jetstream", "mastodon:a.example"],
    "  jetstream\t mastodon:a.example\n": ["jetstream", "mastodon:a.example"],
    "file:/a folder/a.jsonl": ["file:/a folder/a.jsonl"],
    "file:/x ray/a.jsonl": [
        "file:/x ray/a.jsonl",
    ],
    "file:/my x/a.jsonl": ["file:/my x/a.jsonl"],
    "file:/my x:ray/a.jsonl": ["file:/my", "x:ray/a.jsonl"],
    "file:/my%20x:ray/a.jsonl": ["file:/my%20x:ray/a.jsonl"],
    "file:a.jsonl x:terms=rain": ["file:a.jsonl", "x:terms=rain"],
    "file:a.jsonl,b c.jsonl tcp:h:1": ["file:a.jsonl,b c.jsonl", "tcp:h:1"],
    "x:terms=rain snow": ["x:terms=rain snow"],
    "x:terms=the simulator": ["x:terms=the", "simulator"],
    "x:terms=the%20simulator": ["x:terms=the%20simulator"],
    "auto auto": ["auto", "auto"],
    "simulator simulators": ["simulator simulators"],
    "simulator\u00a0tcp:h:1": ["simulator", "tcp:h:1"],
    "simulator\u2003x": ["simulator", "x"],
    "rumour:today x": ["rumour:today", "x"],
    "jetstream Mastodon:a": ["jetstream Mastodon:a"],
    "x:proxy=http://h:1,terms=a  file:b": ["x:proxy=http://h:1,terms=a", "file:b"],
    "mastodon:a.example,stream=hashtag,tag=auto x": ["mastodon:a.example,stream=hashtag,tag=auto", "x"],
}


@pytest.mark.parametrize("splitter", SPLITTERS.values(), ids=SPLITTERS)
@pytest.mark.parametrize(("addresses", "apart"), CASES.items(), ids=list(map(ascii, CASES)))
def test_all_split_several_addresses_at_the_same_places(
    splitter: Callable[[str], list[str]], addresses: str, apart: list[str]
) -> None:
    assert splitter(addresses) == apart


def test_all_know_the_same_kinds() -> None:
    """Each kind divides: the collector's own list, asked by what it does."""
    assert set(PLUGIN.KINDS) == set(source_address.KINDS)
    for kind in PLUGIN.KINDS:
        together = f"file:a.jsonl {kind} {kind}:b"
        assert {tuple(split(together)) for split in SPLITTERS.values()} == {("file:a.jsonl", kind, f"{kind}:b")}


def test_no_kind_of_the_collectors_is_missing_elsewhere() -> None:
    from collecting import sources

    assert set(sources._KINDS) == set(PLUGIN.KINDS)


@pytest.mark.parametrize(
    ("part", "is_key"),
    [
        ("pace=flat", True),
        ("duration_s=5", True),
        ("pace=", True),
        ("a.jsonl", False),
        ("Data=1.jsonl", False),
        ("day2=a.jsonl", False),
        ("/a/b=c.jsonl", False),
        ("ü=a.jsonl", False),
        ("=a.jsonl", False),
    ],
)
def test_all_tell_a_key_from_a_path_that_holds_an_equals_sign(part: str, is_key: bool) -> None:
    address = f"file:{part}"
    assert (not Address.parse(address).items) is is_key
    assert (not PLUGIN.items_of(address, "file")) is is_key
    if is_key:
        assert source_address.absolute(address) == address
    else:
        with pytest.raises(StackError, match="there is no file"):
            source_address.absolute(address)
