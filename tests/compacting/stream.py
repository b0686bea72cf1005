"""A stand-in for the count stage: writes a count log as docs/contracts.md says; knows by plain sums what must come."""

import json
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from tests.postgres import Database, execute

START = datetime(2026, 1, 1, tzinfo=UTC)
IMPLAUSIBLE = datetime(1970, 1, 1, tzinfo=UTC)


class Event(NamedTuple):
    """One post that contains a term; or a control message (`KIND`, `KIND<TAB>ABOUT`), a dead letter, a gap's note."""

    arrival: datetime
    bucket: datetime
    metric: str
    source: str
    lang: str
    term: str
    is_repost: bool = False


@dataclass
class Stream:
    """Batches of one generation, written one by one; `events` is all that was ever in them."""

    counts: Path
    generation: int = 1
    partitions: int = 2
    topic: str = "posts"
    events: list[Event] = field(default_factory=list)
    next_batch: int = 0
    until: dict[int, int] = field(default_factory=lambda: {0: 7, 1: 0})

    @property
    def url(self) -> str:
        """The count log as fsspec knows it."""
        return f"file://{self.counts}"

    def folder(self, batch_id: int) -> Path:
        """Where a batch is."""
        return self.counts / f"generation={self.generation}" / f"batch={batch_id}"

    def write(self, events: list[Event], processed_at: datetime | None = None, files: int = 1) -> int:
        """Commit a batch with these events; returns its id. A partition may read nothing."""
        batch_id, self.next_batch = self.next_batch, self.next_batch + 1
        self.events += events
        absolute = Counter(e[:6] for e in self.events), Counter(e[:6] for e in self.events if e.is_repost)
        rows = [(*key, absolute[0][key], absolute[1][key]) for key in sorted({e[:6] for e in events})]
        folder = self.folder(batch_id)
        folder.mkdir(parents=True)
        named = []
        for number in range(files):
            part, name = rows[number::files], f"part-{number:05}.zstd.parquet"
            pq.write_table(as_table(part), folder / name, compression="zstd")
            named.append({"name": name, "rows": len(part)})
        manifest = {
            "generation": self.generation,
            "batch_id": batch_id,
            "processed_at": iso(processed_at or START + timedelta(seconds=10 * batch_id)),
            "watermark": None if batch_id == 0 else iso(START),
            "offset_ranges": self._read(len(events)),
            "records": len(events),
            "rows": len(rows),
            "files": named,
            "code_version": "0.1.0",
            "top_hashtags": [["ключ", 12]],
        }
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return batch_id

    def _read(self, records: int) -> list[dict[str, Any]]:
        first = self.until
        self.until = {
            p: first.get(p, 0) + (records if p == self.next_batch % self.partitions else 0)
            for p in range(self.partitions)
        }
        return [
            {"topic": self.topic, "partition": p, "from_offset": first.get(p, 0), "until_offset": self.until[p]}
            for p in self.until
        ]

    def change_manifest(self, batch_id: int, **changes: object) -> None:
        """Write other values into a batch's manifest."""
        file = self.folder(batch_id) / "manifest.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def as_table(rows: list[tuple[Any, ...]]) -> pa.Table:
    """Rows of the count log as Spark writes them."""
    instant = pa.timestamp("us", tz="UTC")
    types = [instant, instant, *[pa.string()] * 4, pa.int64(), pa.int64()]
    names = ["arrival", "bucket", "metric", "source", "lang", "term", "posts", "reposts"]
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in names]
    return pa.table([pa.array(column, kind) for column, kind in zip(columns, types, strict=True)], names=names)


def iso(time: datetime) -> str:
    """As the count stage writes times."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def random_events(rng: random.Random, now: datetime, number: int, terms: list[str]) -> list[Event]:
    """Posts of now, of yesterday, of 2016 and of no plausible time, with hashtags, spellings, words; and control."""
    arrival = now.replace(minute=now.minute // 10 * 10, second=0, microsecond=0)
    events = []
    for _ in range(number):
        happened = rng.choice(
            [
                now,
                now,
                now,
                now - timedelta(days=1, minutes=rng.randrange(99)),
                datetime(2016, 2, 29, 23, 59, tzinfo=UTC),
                IMPLAUSIBLE,
            ]
        )
        minute, hour = happened.replace(second=0, microsecond=0), happened.replace(minute=0, second=0, microsecond=0)
        source, lang, is_repost = rng.choice(["x", "text"]), rng.choice(["en", "ar", "und"]), rng.random() < 0.3
        events.append(Event(arrival, minute, "post", source, lang, "", is_repost))
        tags = set(rng.choices(terms, k=2))
        events += [Event(arrival, minute, "hashtag", source, lang, t, is_repost) for t in tags]
        spelled = [
            f"{t.replace(chr(9), '')}\t{way}"
            for t in tags
            for way in rng.sample(["one", "ΑΛΛΟ", "🐈"], k=rng.choice([1, 2]))
        ]
        events += [Event(arrival, hour, "spelling", source, lang, t, is_repost) for t in spelled]
        events += [Event(arrival, hour, "word", source, lang, t, is_repost) for t in set(rng.choices(terms, k=3))]
        if rng.random() < 0.3:
            said = rng.choice(
                ["delete\tx:17", "delete\tx:18", "keep_alive", "limit\ttrack=12", "disconnect", "warning\tit's\t2"]
            )
            events.append(Event(arrival, minute, "control", source, "und", said))
    return events


def expected(events: list[Event]) -> dict[str, Counter[tuple[Any, ...]]]:
    """What the tables must hold: key → posts, and key → reposts, by plain sums of the events."""
    found: dict[str, Counter[tuple[Any, ...]]] = {
        f"{t} {v}": Counter() for t in ("bucket", "hour", "day") for v in ("posts", "reposts")
    }
    for e in events:
        if e.metric in ("dead", "gap", "control"):
            continue
        rest = (e.metric, e.source, e.lang, e.term)
        keys = {
            "bucket": (e.arrival, e.bucket, *rest),
            "hour": (e.bucket.replace(minute=0), *rest),
            "day": (e.bucket.date(), *rest),
        }
        for table, key in keys.items():
            found[f"{table} posts"][key] += 1
            found[f"{table} reposts"][key] += e.is_repost
    return found


def expected_control(events: list[Event]) -> Counter[tuple[Any, ...]]:
    """What control_message must hold: arrival, bucket, source, kind, about → messages."""
    said = [(e.arrival, e.bucket, e.source, *e.term.partition("\t")[::2]) for e in events if e.metric == "control"]
    return Counter(said)


def control_in_postgres(database: Database, generation: int = 1) -> Counter[tuple[Any, ...]]:
    """The same of what the table holds."""
    rows = execute(
        database.reader,
        "select arrival, bucket, source, kind, about, messages from control_message where generation = %s",
        generation,
    )
    return Counter(
        {
            tuple(v.astimezone(UTC) if isinstance(v, datetime) else v for v in row[:-1]): int(str(row[-1]))
            for row in rows
        }
    )


def in_postgres(database: Database, generation: int = 1) -> dict[str, Counter[tuple[Any, ...]]]:
    """The same of what the tables hold."""
    found: dict[str, Counter[tuple[Any, ...]]] = {}
    for table, when in {"bucket": "arrival, bucket", "hour": "hour", "day": "day"}.items():
        rows = execute(
            database.reader,
            f"select {when}, metric, source, lang, term, posts, reposts from count_{table} where generation = %s",  # noqa: S608
            generation,
        )
        keys = [
            (tuple(v.astimezone(UTC) if isinstance(v, datetime) else v for v in row[:-2]), row[-2:]) for row in rows
        ]
        found[f"{table} posts"] = Counter({key: int(str(values[0])) for key, values in keys})
        found[f"{table} reposts"] = Counter({key: int(str(values[1])) for key, values in keys})
    return found
