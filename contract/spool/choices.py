"""What is decided once for a spool's life: what `auto` stands for (auto.json), its cluster and topic (cluster)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

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


class Target(NamedTuple):
    """What a spool is published to.

    Attributes:
        cluster_id: of the Kafka cluster.
        topic_id: of the topic's incarnation; None: not known (an older version's file, or an older broker).
    """

    cluster_id: str
    topic_id: str | None


def target_path(directory: Path) -> Path:
    """The file that says which cluster and topic the spool belongs to: whoever means to move it removes it."""
    return directory / "cluster"


def read_target(directory: Path) -> Target | None:
    """What the spool is published to; None before the first connection.

    Raises:
        ValueError: the file is damaged.
    """
    try:
        cluster_id, *topic_id = target_path(directory).read_text().split()
    except FileNotFoundError:
        return None
    except ValueError as error:
        path = target_path(directory)
        raise ValueError(f"{path} is damaged: remove it, and the spool belongs to where it is sent next") from error
    return Target(cluster_id, topic_id[0] if topic_id else None)


def write_target(directory: Path, target: Target) -> None:
    """Binds the spool to a cluster and a topic, durably."""
    write_atomically(target_path(directory), "".join(f"{each}\n" for each in target if each), durably=True)
