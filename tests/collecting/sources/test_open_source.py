"""From addresses to sources, and what is said of a wrong one."""

from pathlib import Path

import pytest

from collecting.source_api import SourceError
from contract.source_address import AddressError
from tests.collecting.sources.reading import open_source


def test_the_pace_does_not_change_which_lines_they_are(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    (tmp_path / "b").touch()
    a, b = tmp_path / "a", tmp_path / "b"
    slugs = [open_source(f"file:{rest}").source_id for rest in (a, f"{a},pace=5", b, f"{a},{b}")]
    assert slugs[0] == slugs[1]
    assert len(set(slugs)) == 3


@pytest.mark.parametrize(
    ("addresses", "source_id"),
    [
        (("simulator:posts=2000,seed=7",), "simulator-seed7-1672f565"),
        (("file:/etc/passwd,pace=5",), "file-passwd-74acf318"),
        (("jetstream",), "jetstream-7a8b09ff"),
        (("jetstream:langs=en+de,box=1+2+3+4,terms=new%20york",), "jetstream-7a8b09ff-d10b7d05"),
        (("mastodon:a.example,b.example",), "several-mastodon-mastodon-e7c76f73"),
        (("mastodon:a.example,tag=%23größe",), "mastodon-a.example-7c4e6804"),
        (("jetstream", "mastodon:a.example,limit=5"), "several-jetstream-mastodon-04a85897"),
        (("x:terms=rain+new%20york,langs=en,budget_day=5,geo=1",), "x-rain-new-york-f78234b0"),
        (("tcp:[::1]:5555,ends=1,located=1",), "tcp-1-5555-0a06c478-d3e6652f"),
    ],
)
def test_source_ids_stay_what_they_are_for_cursors_are_kept_under_them(
    addresses: tuple[str, ...], source_id: str
) -> None:
    assert open_source(*addresses).source_id == source_id


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("", "expected KIND"),
        (":a", "expected KIND"),
        ("rumour", "unknown source 'rumour'; known are file, simulator"),
        ("jetstream mastodon:a.example", "unknown source 'jetstream mastodon'; known are file"),
        ("file", "no path given"),
        ("file:", "no path given"),
        ("file:/nowhere/a.jsonl", "/nowhere/a.jsonl does not exist"),
        ("file:/", "/ is not a file"),
        ("file:a,,b", "an empty part"),
        ("file:/dev/null,pace=1,pace=2", "'pace' is given twice"),
        ("file:{file},speed=1", "unknown key 'speed'; known are dialect, pace"),
        ("file:{file},pace=fast", "pace=fast is not flat, recorded or lines per second"),
        ("file:{file},dialect=latin", "unknown dialect=latin; allowed: auto, x"),
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
    with pytest.raises((SourceError, AddressError)) as refusal:
        open_source(address.replace("{file}", str(tmp_path / "a")))
    assert why in str(refusal.value)
    assert "\n" not in str(refusal.value)
