"""What goes in: the recorded data of others, where it is; lines that are broken on purpose; the simulator's."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.formats.recorded import DATA

REPOSITORY = Path(__file__).resolve().parents[2]
SIMULATED_POSTS = 200_000
SIMULATOR = f"simulator:posts={SIMULATED_POSTS},seed=7,start=2026-01-31T00:00:00Z"


@dataclass(frozen=True)
class BrokenLine:
    """A line, and what has to become of it: `dead` and why, `control` and its kind, or `post` and a word in it."""

    raw: bytes
    kind: str
    term: str


def _post(number: int, text: str | None, **fields: Any) -> bytes:
    created_at = "Sat Jan 31 11:58:30 +0000 2026"
    post = {"id_str": str(number), "created_at": created_at, "lang": "en", "text": text, **fields}
    return json.dumps({name: value for name, value in post.items() if value is not None}).encode()


_LONG = "w" * 1_000_000

BROKEN = (
    BrokenLine(_post(9_000_001, "cut in the middle")[:-20], "dead", "truncated or invalid JSON"),
    BrokenLine(b"{", "dead", "truncated or invalid JSON"),
    BrokenLine(b'{"id_str": "9000002", "a": NaN}', "dead", "truncated or invalid JSON"),
    BrokenLine(b"null", "dead", "not a JSON object"),
    BrokenLine(b"[1, 2]", "dead", "not a JSON object"),
    BrokenLine(b'{"a":' * 50_000, "dead", "JSON nested too deeply"),
    BrokenLine(b"", "control", "keep_alive"),
    BrokenLine(b" \t ", "control", "keep_alive"),
    BrokenLine(b"\xff\xfe no text", "dead", "invalid UTF-8"),
    BrokenLine(_post(9_000_003, "caf?").replace(b"?", b"\xe9"), "dead", "invalid UTF-8"),
    BrokenLine(_post(9_000_004, "no id", id_str=None), "dead", "missing id"),
    BrokenLine(_post(5, "an old id and no time", created_at=None), "dead", "missing created_at"),
    BrokenLine(_post(9_000_005, None), "dead", "missing text"),
    BrokenLine(b"{}", "dead", "unknown shape"),
    BrokenLine(_post(9_000_006, "null\x00inside"), "post", "nullinside"),
    BrokenLine(b"raw\x00null in plain text", "post", "rawnull"),
    BrokenLine(_post(9_000_007, _LONG), "post", "w" * 100 + "…"),
    BrokenLine(b"#tag " + _LONG.replace("w", "v").encode(), "post", "v" * 100 + "…"),
    BrokenLine(_post(9_000_008, "torn-emoji\ud83d"), "post", "torn-emoji\ufffd"),
    BrokenLine(_post(9_000_009, "plain-after-all", entities=[]), "post", "plain-after-all"),
    BrokenLine(
        b'{"did":"did:plc:a","kind":"commit","commit":{"operation":"create","collection":"app.bsky.feed.post","rkey":"b"}}',
        "dead",
        "missing text",
    ),
    BrokenLine(
        b'{"event":"update","payload":"{\\"uri\\":\\"https://a/1\\",\\"content\\":\\"\\"}"}',
        "dead",
        "missing created_at",
    ),
    BrokenLine(b'{"event":"update","payload":"{\\"uri\\":"}', "dead", "truncated or invalid JSON"),
    BrokenLine(b'{"schema":{"type":"string"},"payload":null}', "dead", "no value"),
    BrokenLine(b'{"schema":null,"payload":"in an envelope #connect"}', "post", "envelope"),
    BrokenLine(b'"in a string \\u0023connect"', "post", "string"),
    BrokenLine(b'{"event":"filters_changed","payload":""}', "control", "filters_changed"),
    BrokenLine(b'{"disconnect":{"code":4,"reason":"\\u0000"}}', "control", "disconnect"),
)


def recorded_lines() -> list[bytes]:
    """The recorded events of X, Jetstream and Mastodon as lines; empty where the data isn't there.

    X's examples come a second time as Kafka Connect would bring them, which changes no count but the duplicates.
    """
    if not DATA.is_dir():
        return []
    updates = [json.loads(line)["tweet"] for line in _lines("x_v1/tweet_updates.jsonl")]
    control = [json.loads(line)["message"] for line in _lines("x_v1/control_messages.jsonl")]
    examples = _lines("x_v1/tweet_parser_examples.jsonl")
    schema = {"type": "string", "optional": False}
    connect = [json.dumps({"schema": schema, "payload": line.decode()}).encode() for line in examples]
    return [
        *(json.dumps(each, ensure_ascii=False).encode() for each in (*updates, *control)),
        *examples,
        *connect,
        *_lines("jetstream/events.jsonl"),
        *_lines("jetstream/golden.jsonl"),
        *_mastodon_envelopes(),
    ]


def _mastodon_envelopes() -> list[bytes]:
    """The recorded server-sent events as the websocket would send them: a file has one event a line."""
    events = []
    for file in sorted((DATA / "mastodon").glob("*.sse")):
        for event in file.read_text("utf-8").replace("\r\n", "\n").split("\n\n"):
            fields = dict(line.split(": ", 1) for line in event.split("\n") if ": " in line)
            if "data" in fields:
                events.append({"stream": ["public"], "event": fields["event"], "payload": fields["data"]})
    return [json.dumps(event).encode() for event in events]


def _lines(name: str) -> list[bytes]:
    return (DATA / name).read_bytes().splitlines()


def simulate(lines_file: Path, truth_file: Path, posts: int = SIMULATED_POSTS) -> dict[str, Any]:
    """Let the simulator write its stream as a file; returns its ground truth."""
    simulator = SIMULATOR.replace(str(SIMULATED_POSTS), str(posts))
    job = [sys.executable, str(REPOSITORY / "jobs" / "collect.py"), "--source", simulator]
    outputs = ["--simulator-lines", str(lines_file), "--simulator-truth", str(truth_file)]
    subprocess.run([*job, *outputs], check=True, timeout=600)
    truth: dict[str, Any] = json.loads(truth_file.read_bytes())
    return truth
