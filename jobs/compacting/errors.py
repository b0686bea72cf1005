"""What can go wrong in the compaction. Each message is one line for a person: where it happened, and what to do."""


class CompactionError(Exception):
    """The compaction cannot go on; nothing of the chunk under way is in Postgres."""


class CountLogUnavailableError(CompactionError):
    """The count log did not answer; trying again may help."""


class MissingBatchError(CompactionError):
    """A batch is missing between the last compacted one and newer ones."""


class MalformedBatchError(CompactionError):
    """A batch's manifest and files do not agree, or hold what they may not."""


class CountLogReplacedError(CompactionError):
    """The count log is not the one that was compacted so far."""


class RefusedError(CompactionError):
    """The database's constraints, or what it already holds, refuse the batches."""
