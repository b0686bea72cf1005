"""The last line against a record that would hold its task: a limit on the processor time that it may take."""

import signal
import threading
from types import FrameType, TracebackType


class TookTooLong(BaseException):
    """The limit is reached. No Exception, or whoever catches those on the way would go on working."""


class CpuLimit:
    """Raises TookTooLong in the block when this process has computed for `seconds` since its beginning.

    Processor time, not the clock's: a machine that is busy with other things, or asleep, decides nothing. Python runs
    signal handlers in its main thread only, where Spark's workers work; in another thread there is no limit.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._works = threading.current_thread() is threading.main_thread()
        if self._works:
            signal.signal(signal.SIGVTALRM, _raise)

    def __enter__(self) -> None:
        if self._works:
            signal.setitimer(signal.ITIMER_VIRTUAL, self._seconds)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._works:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _raise(_number: int, _frame: FrameType | None) -> None:
    raise TookTooLong
