"""Inside a one-off container of `secrets`, which has all four volumes: every word in them that nobody else may know.

    python -m tests.cluster.inside.secret_words

Prints a JSON object: file and line → the word. Certificates, Kafka's id and names of users are no secrets.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/run/secrets")
SHORTEST = 9
KNOWN_TO_ALL = {"cluster_id", "ca.pem"}


def words_of(path: Path) -> Iterator[str]:
    """A password, or the lines of a private key."""
    text = path.read_text()
    if path.suffix == ".json":
        yield json.loads(text)["sasl.password"]
        return
    if path.suffix == ".dsn":
        yield next(part.partition("=")[2] for part in text.split() if part.startswith("password="))
        return
    is_key = path.suffix in (".pem", ".key")
    within = not is_key
    for line in text.splitlines():
        if line.startswith("-----"):
            within = line == "-----BEGIN PRIVATE KEY-----"
        elif within and len(line) >= SHORTEST:
            yield line


def main() -> dict[str, str]:
    """All of them."""
    paths = [path for path in sorted(ROOT.rglob("*")) if path.is_file() and path.name not in KNOWN_TO_ALL]
    return {
        f"{path.relative_to(ROOT)}:{number}": word for path in paths for number, word in enumerate(words_of(path), 1)
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main()) + "\n")
