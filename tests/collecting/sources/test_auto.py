"""`auto`: which source it is, and that it stays so."""

import json
import socket
import time
from pathlib import Path

import pytest

from collecting.source_api import SourceError
from collecting.sources import auto
from collecting.sources.auto import answering
from contract.source_address import SourceAddress
from tests.collecting.sources.reading import open_source
from tests.fakes.jetstream_server import FakeJetstream

NOBODY = "ws://127.0.0.1:1"


def resolve_auto(texts: str, directory: Path, within_s: float = auto.ANSWERS_WITHIN_S) -> str:
    """Of addresses with a space between; none in here has one in it."""
    addresses = [SourceAddress.parse(text) for text in texts.split(" ")]
    return " ".join(map(str, auto.resolve_auto(addresses, directory, within_s)))


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The servers are on this machine."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_it_is_jetstream_where_one_of_its_hosts_answers(tmp_path: Path) -> None:
    with FakeJetstream() as server:
        address = f"auto:{NOBODY},{server.url},overlap_s=3,langs=en"
        assert resolve_auto(address, tmp_path) == f"jetstream:{NOBODY},{server.url},overlap_s=3,langs=en"


def test_it_is_the_simulator_where_none_does_with_the_selection_and_no_other_keys(tmp_path: Path) -> None:
    assert (
        resolve_auto(f"auto:{NOBODY},overlap_s=3,langs=en+de,limit=5", tmp_path, 1.0) == "simulator:langs=en+de,limit=5"
    )
    (tmp_path / "auto.json").unlink()
    assert resolve_auto(f"auto:{NOBODY}", tmp_path, 1.0) == "simulator"


def test_what_it_was_at_first_it_stays(tmp_path: Path) -> None:
    resolve_auto(f"auto:{NOBODY}", tmp_path, 1.0)
    with FakeJetstream() as server:
        assert resolve_auto(f"auto:{server.url}", tmp_path) == "simulator"
        (tmp_path / "auto.json").write_text(json.dumps({"chosen": "jetstream"}))
    assert resolve_auto(f"auto:{NOBODY}", tmp_path) == f"jetstream:{NOBODY}"


def test_other_addresses_stay_as_they_are(tmp_path: Path) -> None:
    address = "file:/tmp/a%20b.jsonl,pace=5 mastodon:a.example,tag=auto"
    assert resolve_auto(address, tmp_path) == address
    assert not (tmp_path / "auto.json").exists()
    assert resolve_auto(f"mastodon:a.example auto:{NOBODY}", tmp_path, 1.0) == "mastodon:a.example simulator"


def test_a_host_that_takes_the_connection_and_says_nothing_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began_s = time.monotonic()
        assert answering((f"ws://127.0.0.1:{silent.getsockname()[1]}",), 1.0) is None
        assert time.monotonic() - began_s < 3


def test_its_keys_are_jetstreams() -> None:
    open_source("auto")
    with pytest.raises(SourceError):
        open_source("auto:overlap_s=no")
