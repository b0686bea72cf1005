"""Posts on their way through the cluster: until they are counted, and whether they are counted right."""

import json
import logging
import time
from dataclasses import dataclass
from typing import Any

from tests.cluster.compose import Cluster, wait_until

log = logging.getLogger(__name__)

POSTS = 200_000
FIRST = f"simulator:posts={POSTS},seed=7,start=2026-01-31T00:00:00Z"
COUNTED_WITHIN_S = 1800


@dataclass(frozen=True)
class Recounted:
    """What a recount of the whole topic found; see inside/recounting.py."""

    said: dict[str, Any]

    @property
    def ends(self) -> str:
        """Where the topic ends, for the next recount."""
        return json.dumps(self.said["ends"])

    def check(self, posts: int) -> None:
        """Every count is right, and there are as many posts as there should be at least."""
        assert self.said["against recount"] == []
        assert self.said["against truth"] == []
        assert self.said["sums"] == []
        assert self.said["sent again"] >= 0
        assert self.said["records"] >= posts


class Figures:
    """What was measured; shown at the end of the run."""

    def __init__(self, shown: dict[str, str]) -> None:
        self._shown = shown

    def note(self, name: str, value: str) -> None:
        """One figure."""
        log.info("%s: %s", name, value)
        self._shown[name] = value

    def time(self, name: str, began_at: float) -> None:
        """Seconds since `began_at`, by time.monotonic()."""
        self.note(name, f"{time.monotonic() - began_at:.0f} s")


def seconds_to_first_counts(cluster: Cluster) -> float:
    """From the first container's start to the first batch in Postgres, by Docker's clock and Postgres's."""
    started = min(
        each.about["State"]["StartedAt"] for each in cluster.containers("secrets", running=False)
    )  # what `up` starts first
    sql = f"select extract(epoch from min(compacted_at) - timestamptz '{started}') from batch_ledger"  # noqa: S608
    return float(next(line for line in cluster.hashtide("psql", "-c", sql).split() if _is_number(line)))


def _is_number(word: str) -> bool:
    return word.replace(".", "", 1).isdigit()


def is_flowing(cluster: Cluster) -> bool:
    """Whether the collector has not come to its source's end."""
    state = cluster.compose(
        "exec", "-T", "airflow-triggerer", "sh", "-c", "cat /var/lib/hashtide/spool/state.json || echo '{}'"
    )
    return str(json.loads(state).get("status")) != "finished"


def until_recounted(cluster: Cluster, address: str, before: str, figures: Figures) -> Recounted:
    """Waits until a source is counted whole and the books balance; then recounts."""
    began_at = time.monotonic()
    said = cluster.hashtide("watch", "--until-done", limit_s=COUNTED_WITHIN_S)
    log.info("%s", said)
    figures.time(f"{address[:30]}…: to books that balance", began_at)
    wait_until(lambda: not is_flowing(cluster), 60, lambda: "the source has not ended")
    found = cluster.one_off("airflow-dag-processor", "cluster.inside.recounting", address, before, limit_s=1200)
    return Recounted(json.loads(found.splitlines()[-1]))
