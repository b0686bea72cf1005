"""What goes in: the recorded data of others, where it is; lines that are broken on purpose; the simulator's."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
RECORDED = REPOSITORY.parent / "shared" / "data" / "x_v1"
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
)


def recorded_lines() -> list[bytes]:
    """The recorded v1.1 payloads and control messages as a stream would send them; empty where the data isn't there."""
    if not RECORDED.exists():
        return []
    updates = [json.loads(line)["tweet"] for line in _lines("tweet_updates.jsonl")]
    control = [json.loads(line)["message"] for line in _lines("control_messages.jsonl")]
    return [json.dumps(each, ensure_ascii=False).encode() for each in (*updates, *control)] + _lines(
        "tweet_parser_examples.jsonl"
    )


def _lines(name: str) -> list[bytes]:
    return (RECORDED / name).read_bytes().splitlines()


def simulate(lines_file: Path, truth_file: Path) -> dict[str, Any]:
    """Let the simulator write its stream as a file; returns its ground truth."""
    job = [sys.executable, str(REPOSITORY / "jobs" / "collect.py"), "--source", SIMULATOR]
    outputs = ["--simulator-lines", str(lines_file), "--simulator-truth", str(truth_file)]
    subprocess.run([*job, *outputs], check=True, timeout=600)
    truth: dict[str, Any] = json.loads(truth_file.read_bytes())
    return truth
