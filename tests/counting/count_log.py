"""Reading a count log in tests, without the jobs' code: pyarrow and json."""

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from kafka.consumer.fetcher import ConsumerRecord

from tests.flow.reading.records import TopicRecord
from tests.flow.recount import Recount, recount

Key = tuple[str, datetime, str, str, str]


def manifests(log: Path) -> list[dict[str, Any]]:
    """The manifests in the order of their batches."""
    found = [json.loads((batch / "manifest.json").read_text()) for batch in log.glob("batch=*")]
    return sorted(found, key=lambda manifest: manifest["batch_id"])


def latest_counts(log: Path) -> dict[Key, list[int]]:
    """(metric, bucket, source, lang, term) → [posts, reposts]: the last value of each key, summed over arrivals."""
    latest: dict[tuple[Any, ...], tuple[int, int]] = {}
    for manifest in manifests(log):
        for file in manifest["files"]:
            table = pq.read_table(log / f"batch={manifest['batch_id']}" / file["name"])
            assert table.num_rows == file["rows"]
            for row in table.to_pylist():
                *key, posts, reposts = row.values()
                latest[tuple(key)] = posts, reposts
    counts: dict[Key, list[int]] = {}
    for (_, bucket, metric, source, lang, term), (posts, reposts) in latest.items():
        pair = counts.setdefault((metric, bucket, source, lang, term), [0, 0])
        pair[0] += posts
        pair[1] += reposts
    return counts


def expected(consumed: Iterable[ConsumerRecord], log: Path) -> Recount:
    """What a recount says of the same records, with the time of the batch that read each."""
    ranges = [
        (each["partition"], each["from_offset"], each["until_offset"], datetime.fromisoformat(manifest["processed_at"]))
        for manifest in manifests(log)
        for each in manifest["offset_ranges"]
    ]

    def batch_time(partition: int, offset: int) -> datetime:
        return next(at for number, start, end, at in ranges if number == partition and start <= offset < end)

    return recount(
        TopicRecord(
            f"{each.topic}[{each.partition}]@{each.offset}",
            each.key,
            each.value,
            dict(each.headers),
            each.timestamp,
            batch_time(each.partition, each.offset),
        )
        for each in consumed
    )


def assert_exact(consumed: list[ConsumerRecord], log: Path) -> Recount:
    """Every count equals the recount's; nothing is missing and nothing is more."""
    truth, counted = expected(consumed, log), latest_counts(log)
    plain = {key: pair for key, pair in counted.items() if key[0] not in ("control", "dead", "gap", "read")}
    wrong = {key: (plain.get(key), truth.counts.get(key)) for key in plain.keys() | truth.counts.keys()}
    wrong = {key: pair for key, pair in wrong.items() if pair[0] != pair[1]}
    assert not wrong, f"{len(wrong)} keys differ, as (counted, recounted): {list(wrong.items())[:5]}"
    said = {(key[1], key[2], key[4]): pair[0] for key, pair in counted.items() if key[0] == "control"}
    assert said == {
        (bucket, source, f"{kind}\t{about}" if about else kind): messages
        for (bucket, source, kind, about), messages in truth.said.items()
    }
    dead = {key[4] for key in counted if key[0] == "dead"}
    assert dead == {f"{place} {why}" for place, why in truth.dead.items()}
    gaps = {key[4] for key in counted if key[0] == "gap"}
    assert {json.dumps(json.loads(note)) for note in gaps} == {json.dumps(note) for note in truth.gaps}
    assert sum(pair[0] for key, pair in counted.items() if key[0] == "gap") == len(truth.gaps)
    assert sum(manifest["records"] for manifest in manifests(log)) == len(consumed)
    return truth
