"""The grammar of source addresses, and how lists of them are stored."""

import dataclasses

import pytest

from contract.source_address import AddressError, SourceAddress, read_stored, stored
from contract.sources import SOURCES

parse = SourceAddress.parse


def test_an_address_has_a_kind_items_and_keys() -> None:
    address = parse("file:a.jsonl,b.gz,pace=500")
    assert (address.kind, address.items, address.values) == ("file", ("a.jsonl", "b.gz"), {"pace": "500"})
    assert parse("simulator") == SourceAddress("simulator")


def test_a_path_may_hold_colons_and_equals_signs() -> None:
    assert parse("file:/data/day=1/a:b.jsonl").items == ("/data/day=1/a:b.jsonl",)


def test_a_value_is_a_list_whose_members_are_decoded_one_by_one() -> None:
    address = parse("x:terms=new%20york+a%2Bb+été")
    assert address.keys["terms"] == ("new york", "a+b", "été")
    assert address.values["terms"] == "new york+a+b+été"


def test_white_space_around_an_address_does_not_count_and_within_a_path_it_does() -> None:
    assert parse(" \tfile:/a folder/a.jsonl\n").items == ("/a folder/a.jsonl",)


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
        ("%70ace=flat", False),
    ],
)
def test_a_key_is_small_letters_before_an_equals_sign(part: str, is_key: bool) -> None:
    address = parse(f"file:{part}")
    assert bool(address.keys) is is_key
    assert bool(address.items) is not is_key


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "expected KIND"),
        ("  ", "expected KIND"),
        (":a", "expected KIND"),
        ("file:a,,b", "an empty part"),
        ("file:a,", "an empty part"),
        ("file:,a", "an empty part"),
        ("file:a, ,b", "an empty part"),
        ("file:/dev/null,pace=1,pace=2", "'pace' is given twice"),
        ("file:%ff", "are not UTF-8"),
        ("x:terms=a+%ff", "are not UTF-8"),
    ],
)
def test_what_breaks_the_grammar_is_refused_in_one_line(text: str, why: str) -> None:
    with pytest.raises(AddressError, match=why) as refusal:
        parse(text)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "address",
    [
        SourceAddress("simulator"),
        SourceAddress("file", ("/a folder/5%, a.jsonl", "pace=flat", "/b=c", "a:b", "été\u2003雨"), {"pace": ("5",)}),
        SourceAddress("x", keys={"terms": ("a+b", "50%", "x,y=z", "two words", "été 雨 #tag"), "geo": ("1",)}),
        SourceAddress("x", keys={"terms": ("a", "", "b"), "place": ("",)}),
        SourceAddress("file", ("a%2e", "\x00\x7f", " simulator")),
    ],
)
def test_an_address_comes_back_from_its_text_as_it_was(address: SourceAddress) -> None:
    assert parse(str(address)) == address
    assert read_stored(str(address)) == (address,)


@pytest.mark.parametrize(
    "text",
    ["jetstream", "file:/data/day=1/a.jsonl,pace=500", "x:terms=rain+new%20york,usd_day=1.5", "tcp:[::1]:5555,ends=1"],
)
def test_an_address_is_written_as_it_was_read(text: str) -> None:
    assert str(parse(text)) == text


def test_the_order_of_keys_makes_no_other_address_and_that_of_items_does() -> None:
    assert parse("x:geo=1,terms=a") == parse("x:terms=a,geo=1")
    assert parse("file:a,b") != parse("file:b,a")


def test_an_address_does_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        parse("x").kind = "file"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("simulator", "simulator:limit=5"),
        ("file:/a.jsonl,pace=5", "file:/a.jsonl,pace=5,limit=5"),
        ("jetstream:limit=9,overlap_s=1", "jetstream:overlap_s=1,limit=5"),
    ],
)
def test_a_key_is_added_or_takes_the_place_of_its_own(text: str, expected: str) -> None:
    assert str(parse(text).with_keys({"limit": ["5"]})) == expected


def test_a_key_that_a_source_does_not_know_is_named_with_those_that_it_knows() -> None:
    with pytest.raises(AddressError, match=r"^source file: unknown key 'speed'; known are dialect, pace$"):
        parse("file:a,speed=1").refuse_unknown({"pace", "dialect"})


def test_a_list_of_addresses_is_stored_as_json() -> None:
    addresses = (parse("jetstream"), parse("mastodon:a.example"))
    assert stored(addresses) == '["jetstream", "mastodon:a.example"]'
    assert read_stored(stored(addresses)) == addresses
    assert read_stored(["jetstream", "mastodon:a.example"]) == addresses


@pytest.mark.parametrize("nothing", ["", " ", "[]", [], None, 5])
def test_where_nothing_is_stored_there_are_no_addresses(nothing: object) -> None:
    assert read_stored(nothing) == ()


def test_the_addresses_of_a_stored_list_are_not_split() -> None:
    assert read_stored('["file:/my auto"]') == (SourceAddress("file", ("/my auto",)),)


def test_a_stored_address_that_breaks_the_grammar_is_kept_as_it_is() -> None:
    for text in ("file:a,,b", "x:a=1,a=2", '["jetstream"'):
        assert list(map(str, read_stored(text))) == [text]


OLD = {
    "simulator": ["simulator"],
    "jetstream mastodon:a.example": ["jetstream", "mastodon:a.example"],
    "  jetstream\t mastodon:a.example\n": ["jetstream", "mastodon:a.example"],
    "file:/a folder/a.jsonl": ["file:/a folder/a.jsonl"],
    "file:/x ray/a.jsonl": ["file:/x ray/a.jsonl"],
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


@pytest.mark.parametrize(("text", "apart"), OLD.items(), ids=list(map(ascii, OLD)))
def test_an_old_text_is_split_at_white_space_before_a_kind_only(text: str, apart: list[str]) -> None:
    assert read_stored(text) == tuple(map(parse, apart))


@pytest.mark.parametrize("kind", SOURCES)
def test_each_kind_divides_an_old_text(kind: str) -> None:
    assert read_stored(f"file:a.jsonl {kind} {kind}:b") == (parse("file:a.jsonl"), parse(kind), parse(f"{kind}:b"))


def test_several_addresses_in_one_option_are_refused_and_not_taken_for_one() -> None:
    with pytest.raises(AddressError, match="several addresses"):
        SourceAddress.parse_one("x:terms=rain jetstream")
    assert SourceAddress.parse_one("file:/a b.jsonl").items == ("/a b.jsonl",)
