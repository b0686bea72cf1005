"""Source addresses, and what is said of a wrong one."""

from pathlib import Path

import pytest

from collecting.addresses import Address
from collecting.source_api import SourceError
from collecting.sources import open_source


def test_an_address_has_a_kind_items_and_settings() -> None:
    address = Address.parse("file:a.jsonl,b.gz,pace=500")
    assert (address.kind, address.items, address.settings) == ("file", ("a.jsonl", "b.gz"), {"pace": "500"})
    assert Address.parse("simulator") == Address("simulator")


def test_a_path_may_hold_colons_and_equals_signs() -> None:
    assert Address.parse("file:/data/day=1/a:b.jsonl").items == ("/data/day=1/a:b.jsonl",)


def test_the_pace_does_not_change_which_lines_they_are(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    (tmp_path / "b").touch()
    a, b = tmp_path / "a", tmp_path / "b"
    slugs = [open_source(f"file:{rest}").source_id for rest in (a, f"{a},pace=5", b, f"{a},{b}")]
    assert slugs[0] == slugs[1]
    assert len(set(slugs)) == 3


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("", "expected KIND"),
        (":a", "expected KIND"),
        ("rumour", "unknown source 'rumour'; known are file, simulator"),
        ("file", "no path given"),
        ("file:", "no path given"),
        ("file:/nowhere/a.jsonl", "/nowhere/a.jsonl does not exist"),
        ("file:/", "/ is not a file"),
        ("file:a,,b", "an empty part"),
        ("file:/dev/null,pace=1,pace=2", "'pace' is given twice"),
        ("file:{file},speed=1", "unknown key 'speed'; known are dialect, pace"),
        ("file:{file},pace=fast", "pace=fast is not flat, recorded or lines per second"),
        ("file:{file},dialect=latin", "dialect=latin is none of auto, x"),
        ("simulator:post=1", "unknown key 'post'"),
        ("simulator:posts=-1", "posts=-1: must be a whole number from 0 on"),
        ("simulator:posts=many", "posts=many"),
        ("simulator:duplicates=2", "must be between 0 and 1"),
        ("simulator:dialects=x1+y", "expected some of x1+x2+text"),
        ("simulator:start=noon", "start=noon"),
        ("simulator:7", "'7' is no key=value"),
        ("simulator:duplicates=0.9,control=0.9", "more than 1 together"),
    ],
)
def test_a_wrong_address_is_refused_in_one_line(tmp_path: Path, address: str, why: str) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(SourceError) as refusal:
        open_source(address.replace("{file}", str(tmp_path / "a")))
    assert why in str(refusal.value)
    assert "\n" not in str(refusal.value)
