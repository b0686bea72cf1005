"""A manifest is believed only when it is of its place and its sums are right."""

import json
from typing import Any

import pytest

from contract.manifest import ManifestError, decode, encode

GOOD: dict[str, Any] = {
    "generation": 1,
    "batch_id": 7,
    "processed_at": "2026-01-01T00:00:10.000000Z",
    "watermark": None,
    "offset_ranges": [
        {"topic": "posts", "partition": 0, "from_offset": 0, "until_offset": 60, "leader_epoch": 4},
        {"topic": "posts", "partition": 1, "from_offset": 5, "until_offset": 5, "leader_epoch": 0},
    ],
    "records": 60,
    "rows": 12,
    "files": [{"name": "part-0.parquet", "rows": 12}],
    "code_version": "0.1.0",
    "top_hashtags": [["tag", 12]],
    "unread": 7,
    "dedup_window_min": 120,
    "topic_id": "2bfdd0e1-330e-4502-9857-02fc3a963579",
}
RANGE = GOOD["offset_ranges"][0]


def test_a_good_one_is_read() -> None:
    manifest = decode(json.dumps(GOOD).encode(), 1, 7)
    assert (manifest.records, manifest.rows, manifest.processed_at.utcoffset()) == (
        60,
        12,
        manifest.processed_at - manifest.processed_at,
    )


def test_what_is_written_is_what_was_read() -> None:
    """Times keep their microseconds, also where they are 0: older versions wrote them so."""
    assert json.loads(encode(decode(json.dumps(GOOD).encode(), 1, 7))) == GOOD


def test_a_manifest_without_the_newer_fields_is_read() -> None:
    newer = ("code_version", "top_hashtags", "unread", "dedup_window_min", "topic_id")
    older = {name: value for name, value in GOOD.items() if name not in newer}
    older["offset_ranges"] = [
        {name: value for name, value in each.items() if name != "leader_epoch"} for each in GOOD["offset_ranges"]
    ]
    read = decode(json.dumps(older).encode(), 1, 7)
    assert (read.top_hashtags, read.unread, read.dedup_window_min, read.topic_id) == ([], 0, None, "")
    assert [each.leader_epoch for each in read.offset_ranges] == [None, None]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"generation": 2}, "is of generation 2 batch 7"),
        ({"batch_id": 8}, "is of generation 1 batch 8"),
        ({"records": 61}, "says 61 records, its offset ranges hold 60"),
        ({"unread": 61}, "says 61 unread offsets of 60"),
        ({"rows": 13}, "says 13 rows, its files hold 12"),
        ({"offset_ranges": []}, "list each partition once"),
        ({"offset_ranges": [RANGE, RANGE], "records": 120}, "list each partition once"),
        ({"offset_ranges": [{**RANGE, "from_offset": 70}]}, r"posts\[0\] goes back from 70 to 60"),
        ({"processed_at": "2026-01-01T00:00:10"}, "processed_at"),
        ({"processed_at": None}, "processed_at"),
        ({"records": "60"}, "records"),
        ({"files": [{"name": "a", "rows": 6}, {"name": "a", "rows": 6}]}, "files"),
    ],
)
def test_one_that_is_not_right_is_refused_and_named(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ManifestError, match=rf"generation 1 batch 7: manifest\.json: .*{says}"):
        decode(json.dumps({**GOOD, **change}).encode(), 1, 7)


@pytest.mark.parametrize("raw", [b"", b"null", b"[]", b'{"generation": 1', b"\xff"])
def test_what_is_no_manifest_is_refused(raw: bytes) -> None:
    with pytest.raises(ManifestError, match="generation 1 batch 7"):
        decode(raw, 1, 7)
