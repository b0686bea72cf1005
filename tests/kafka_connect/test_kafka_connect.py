"""Posts that Apache Kafka's own Connect brings into the topic are the posts that our collector brings.

The same file by both ways: simulated lines, broken ones, blank ones, and once with recorded ones of X too. Every record
of either topic is parsed as the streaming job parses it, and the tallies are compared.
"""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from formats import parse
from tests.brokers import Broker
from tests.formats.recorded import recorded_lines
from tests.kafka_connect.worker import CONVERTERS, connect, wait_for_records

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

REPOSITORY = Path(__file__).resolve().parents[2]
SIMULATOR = "simulator:posts=2000,seed=11,start=2026-01-01T00:00:00Z"
# What itself looks like one of Connect's envelopes is left out: nobody could tell it from one.
ODD = ['{"id_str": "12", "text": "torn', "", "  ", "#plain text", "null", "[]", "{}"]

Tally = Counter[tuple[object, ...]]


def collect(*arguments: object) -> None:
    command = [sys.executable, str(REPOSITORY / "jobs" / "collect.py"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module", params=["simulated", pytest.param("recorded", marks=pytest.mark.recorded)])
def posts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that both read. Connect knows no bytes, only UTF-8: a line that is none is left out."""
    folder = tmp_path_factory.mktemp(request.param)
    collect("--source", SIMULATOR, "--simulator-lines", folder / "simulated.jsonl")
    lines = (folder / "simulated.jsonl").read_bytes().split(b"\n")[:-1]
    if request.param == "recorded":
        lines += recorded_lines()
    text = [line for line in map(_utf8, lines) if line is not None] + ODD
    path = folder / "posts.jsonl"
    path.write_text("".join(f"{line}\n" for line in text))
    return path


def _utf8(line: bytes) -> str | None:
    try:
        return line.rstrip(b"\r").decode()
    except UnicodeDecodeError:
        return None


@pytest.fixture(scope="module")
def ours(broker: Broker, posts: Path, tmp_path_factory: pytest.TempPathFactory) -> Tally:
    """What our collector's topic holds."""
    topic, spool = broker.create_topic(f"by-the-collector-{posts.parent.name}"), tmp_path_factory.mktemp("spool")
    servers = broker.bootstrap_servers
    collect("--source", f"file:{posts}", "--spool", spool, "--bootstrap-servers", servers, "--topic", topic)
    return tally(broker, topic)


@pytest.fixture(scope="module")
def theirs(
    broker: Broker, all_jars: Path, posts: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[bytes]]:
    """Converter → the values that Connect has written with it."""
    topics = {converter: broker.create_topic(f"by-connect-{posts.parent.name}-{converter}") for converter in CONVERTERS}
    records = posts.read_bytes().count(b"\n")
    with connect(tmp_path_factory.mktemp("connect"), broker, all_jars, posts, topics) as log:
        for topic in topics.values():
            wait_for_records(broker, topic, records, log)
    return {converter: [record.value for record in broker.read(topic)] for converter, topic in topics.items()}


def tally(broker: Broker, topic: str) -> Tally:
    return Counter(what(dict(record.headers).get("dialect"), record.value) for record in broker.read(topic))


def what(dialect: bytes | None, value: bytes | None) -> tuple[object, ...]:
    """All that is counted of a record."""
    parsed = parse(dialect.decode() if dialect else None, value)
    return (
        *(parsed.kind, parsed.source, parsed.post_id, parsed.created_at_us, parsed.lang, parsed.text),
        *(tuple(parsed.hashtags), parsed.is_repost, parsed.term),
    )


@pytest.mark.parametrize("converter", CONVERTERS)
def test_what_connect_brings_is_counted_the_same_as_what_our_collector_brings(
    ours: Tally, theirs: dict[str, list[bytes]], posts: Path, converter: str
) -> None:
    found = Counter(what(None, value) for value in theirs[converter])
    assert found == ours
    assert found.total() == posts.read_bytes().count(b"\n")
    assert len({post_id for _, _, post_id, *_ in found if post_id}) > 1000


def test_the_envelopes_are_those_that_connect_writes(theirs: dict[str, list[bytes]]) -> None:
    """Else the other tests would show nothing."""
    assert not any(value.startswith(b'{"schema"') for value in theirs["string"][:1000])
    assert all(value.startswith(b'"') for value in theirs["json"])
    assert all(value.startswith(b'{"schema":{"type":"string"') for value in theirs["json-with-schema"])
