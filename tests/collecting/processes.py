"""The collector as a process, files to replay, and a recount of what the topic holds. Shares no code with jobs/."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kafka.consumer.fetcher import ConsumerRecord

ROOT = Path(__file__).resolve().parent.parent.parent


def started(source: str, spool: Path, servers: str, topic: str) -> subprocess.Popen[bytes]:
    """A collector that is under way."""
    return subprocess.Popen(
        [
            sys.executable, str(ROOT / "jobs" / "collect.py"), "--source", source, "--spool", str(spool),
            "--bootstrap-servers", servers, "--topic", topic,
        ],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip


def write_posts(path: Path, posts: int, size: int = 300) -> list[bytes]:
    """Posts of X with an id each; among them equal lines of text and blank ones, known by their place only."""
    lines = []
    for number in range(posts):
        if number % 500 == 3:
            lines.append(b"the same text again")
        elif number % 1000 == 7:
            lines.append(b"")
        else:
            head = b'{"id_str":"%d","timestamp_ms":"1700000000000","lang":"en","text":"' % (10**18 + number)
            lines.append(head + b"a" * (size - len(head)) + b'"}')
    path.write_bytes(b"\n".join(lines) + b"\n")
    return lines


def wrong_in(records: Iterable[ConsumerRecord], lines: list[bytes]) -> list[str]:
    """What the topic has too much, too little, or under a wrong key; empty if each line is there under one identity."""
    values: dict[bytes, bytes] = {}
    wrong = []
    for record in records:
        if values.setdefault(record.key, record.value) != record.value:
            wrong.append(f"{record.key!r} stands for two different lines")
        if record.value.startswith(b"{") and record.key != b"x:" + json.loads(record.value)["id_str"].encode():
            wrong.append(f"{record.key!r} is not the id of its post")
    there, expected = Counter(values.values()), Counter(lines)
    wrong += [f"lost: {line[:80]!r} {count} times" for line, count in (expected - there).items()]
    wrong += [f"too much: {line[:80]!r} {count} times" for line, count in (there - expected).items()]
    return wrong


def state_in(spool: Path) -> dict[str, Any]:
    """The collector's state file; empty where there is none yet."""
    path = spool / "state.json"
    found: dict[str, Any] = json.loads(path.read_bytes()) if path.exists() else {}
    return found
