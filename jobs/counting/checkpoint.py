"""Reads a checkpoint's own files. Spark writes them: OffsetSeqLog and KafkaSourceInitialOffsetWriter."""

import json
from typing import Any, NamedTuple

from contract.manifest import OffsetRange
from counting.files import Files


class Planned(NamedTuple):
    """A batch as the offset log has it, the same each time the batch runs. Times are epoch milliseconds."""

    offset_ranges: list[OffsetRange]
    processed_at_ms: int
    watermark_ms: int

    @property
    def records(self) -> int:
        """How many records it reads."""
        return sum(each.records for each in self.offset_ranges)


class Checkpoint:
    """One generation's checkpoint folder."""

    def __init__(self, files: Files, path: str) -> None:
        self._files = files
        self.path = path
        self.url = files.url(path)

    def is_new(self) -> bool:
        """Whether no batch was ever planned in this checkpoint.

        Raises:
            ValueError: it has batches but lost its identity, so Spark would start a new query on the old state.
        """
        batches = self._batches("offsets")
        if batches and not self._files.exists(f"{self.path}/metadata"):
            raise ValueError(
                f"{self.url} has offsets up to batch {max(batches)} but no `metadata` file: it is damaged. "
                "Restore the file, or start a new generation (--generation) and recount."
            )
        return not batches and not self._files.exists(f"{self.path}/sources/0/0")

    def newest(self) -> int | None:
        """The newest batch that was planned; None where no batch was."""
        return max(self._batches("offsets"), default=None)

    def planned(self, batch_id: int) -> Planned:
        """What batch `batch_id` reads, and its times.

        Raises:
            ValueError: the log has another shape than this version of Spark writes.
        """
        _, metadata, until = self._lines(batch_id)
        before = self._initial() if batch_id == 0 else self._lines(batch_id - 1)[2]
        until_offsets = _by_partition(until)
        from_offsets = _by_partition(before)
        ranges = [
            # A partition that the topic has got since is read from its beginning.
            OffsetRange(topic, partition, from_offsets.get((topic, partition), 0), until_offset)
            for (topic, partition), until_offset in sorted(until_offsets.items())
        ]
        times = json.loads(metadata)
        return Planned(ranges, int(times["batchTimestampMs"]), int(times["batchWatermarkMs"]))

    def planned_at_ms(self, batch_id: int) -> int:
        """When batch `batch_id` was planned, by the clock of the file system, epoch milliseconds."""
        return self._files.modified_ms(self._plan(batch_id))

    def discard_plan(self, batch_id: int) -> None:
        """Removes the newest plan, which has not run: the next start plans the batch anew. Not while a query runs.

        A batch plans, runs, commits; only then the next one plans. So without a commit nothing was built on this plan.

        Raises:
            ValueError: it is not the newest plan, or is committed.
        """
        newest = max(self._batches("offsets"))
        if batch_id != newest or batch_id in self._batches("commits"):
            raise ValueError(f"{self.url}: the plan of batch {batch_id} is in use (the newest is {newest})")
        if batch_id == 0:  # Spark plans a first batch only beside an empty state, and has laid down its description
            self._files.delete(f"{self.path}/state")
        self._files.delete(self._plan(batch_id))

    def processed_at_ms(self, batch_id: int) -> int:
        """The time of batch `batch_id`, whatever its source."""
        return int(json.loads(self._lines(batch_id)[1])["batchTimestampMs"])

    def _lines(self, batch_id: int) -> list[str]:
        path = self._plan(batch_id)
        lines = self._files.read_text(path).splitlines()
        if len(lines) != 3 or lines[0] != "v1":
            raise ValueError(f"{path}: expected version v1, metadata and one source, found {len(lines)} lines")
        return lines

    def _batches(self, folder: str) -> list[int]:
        return [int(name) for name in self._files.names(f"{self.path}/{folder}") if name.isdigit()]

    def _plan(self, batch_id: int) -> str:
        return f"{self.path}/offsets/{batch_id}"

    def _initial(self) -> str:
        # Kafka's source writes a zero byte first (SPARK-19517), then the version, then the offsets.
        return self._files.read_text(f"{self.path}/sources/0/0").lstrip("\0").removeprefix("v1\n")


def _by_partition(offsets: str) -> dict[tuple[str, int], int]:
    parsed: dict[str, dict[str, Any]] = json.loads(offsets)
    return {
        (topic, int(partition)): int(offset) for topic, each in parsed.items() for partition, offset in each.items()
    }
