"""Addresses as a lease reads and writes them: the collector's own grammar has to understand what is written."""

import pytest

from collecting.addresses import Address
from hashtide_airflow import addresses


def test_several_are_told_apart_and_a_path_keeps_its_blanks() -> None:
    assert addresses.split("jetstream  mastodon:m.example\nx") == ["jetstream", "mastodon:m.example", "x"]
    assert addresses.split("file:/my posts.jsonl auto") == ["file:/my posts.jsonl", "auto"]
    assert addresses.kinds_of("x:terms=a mastodon:m.example") == {"x", "mastodon"}


def test_servers_are_hosts_also_of_urls() -> None:
    source = "mastodon:m.example,https://o.example:8443/,stream=local x:url=http://h.example"
    assert addresses.servers_of(source, "mastodon") == ["m.example", "o.example:8443"]
    assert addresses.servers_of(source, "x") == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("simulator", "simulator:limit=5"),
        ("file:/a.jsonl,pace=5", "file:/a.jsonl,pace=5,limit=5"),
        ("jetstream:limit=9,overlap_s=1 x", "jetstream:overlap_s=1,limit=5 x:limit=5"),
    ],
)
def test_a_key_is_added_to_each_address_or_takes_the_place_of_its_own(source: str, expected: str) -> None:
    assert addresses.with_keys(source, {"limit": "5"}) == expected


def test_without_keys_nothing_changes() -> None:
    assert addresses.with_keys("jetstream  x", {}) == "jetstream  x"


@pytest.mark.parametrize("values", [["rain", "snow"], ["a+b", "50%", "x,y=z", "two words", "été 雨 #tag"]])
def test_a_list_comes_out_of_the_collectors_grammar_as_it_went_in(values: list[str]) -> None:
    written = addresses.with_keys("x:geo=1", {"terms": values})
    assert addresses.split(written) == [written]
    assert Address.parse(written).lists["terms"] == tuple(values)
    assert Address.parse(written).settings["geo"] == "1"
