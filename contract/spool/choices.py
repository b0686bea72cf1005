"""What is decided once for a spool's life: what `auto` stands for (auto.json), and its Kafka cluster (cluster)."""

from __future__ import annotations

import json
from pathlib import Path

from contract.files import write_atomically


def read_auto(directory: Path) -> str | None:
    """The kind of source that `auto` stands for in this spool; None before it is decided.

    Raises:
        ValueError: the file is damaged.
    """
    path = directory / "auto.json"
    try:
        return str(json.loads(path.read_bytes())["chosen"])
    except FileNotFoundError:
        return None
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged ({error!r}): remove it, and `auto` is decided again") from error


def write_auto(directory: Path, kind: str) -> None:
    """Decides what `auto` stands for, durably."""
    write_atomically(directory / "auto.json", json.dumps({"chosen": kind}), durably=True)


def cluster_path(directory: Path) -> Path:
    """The file that says which cluster the spool belongs to: whoever means to move it removes it."""
    return directory / "cluster"


def read_cluster_id(directory: Path) -> str | None:
    """Id of the Kafka cluster that the spool is published to; None before the first connection."""
    try:
        return cluster_path(directory).read_text().strip()
    except FileNotFoundError:
        return None


def write_cluster_id(directory: Path, cluster_id: str) -> None:
    """Binds the spool to a cluster, durably."""
    write_atomically(cluster_path(directory), f"{cluster_id}\n", durably=True)
