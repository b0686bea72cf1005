"""Errors of the compaction. Each message is one line: where it happened, and what to do."""


class CompactionError(Exception):
    """The compaction cannot continue; nothing of the current chunk is in Postgres."""


class CountLogUnavailableError(CompactionError):
    """The count log did not answer; a retry may help."""


class MissingBatchError(CompactionError):
    """A batch is missing between the last compacted one and newer ones."""


class MalformedBatchError(CompactionError):
    """A batch's manifest and files differ, or contain invalid values."""


class CountLogReplacedError(CompactionError):
    """The count log is not the one that was compacted before."""


class RefusedError(CompactionError):
    """The database's constraints or contents refuse the batches."""
