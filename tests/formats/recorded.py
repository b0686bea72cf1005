"""The recorded inputs that nobody on this project wrote; not a part of the repo. Their tests are marked `recorded`."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DATA = Path(os.environ.get("HASHTIDE_TEST_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))


def recorded(name: str) -> Path:
    """The file or folder."""
    return DATA / name


def x_v1_posts() -> Iterator[dict[str, Any]]:
    """Every recorded v1.1 post."""
    for line in recorded("x_v1/tweet_parser_examples.jsonl").open():
        yield json.loads(line)
    for line in recorded("x_v1/tweet_updates.jsonl").open():
        yield json.loads(line)["tweet"]


def recorded_lines() -> Iterator[bytes]:
    """Every recorded line of X, good or broken."""
    for path in sorted((DATA / "x_v1").rglob("*.json*")):
        for line in path.read_bytes().splitlines():
            yield line
            for wrapper in ("tweet", "message"):
                if wrapper in (inner := json.loads(line)):
                    yield json.dumps(inner[wrapper]).encode()
