"""What a person asked `up` for, as far as the main job needs to know."""

import time
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Options:
    """Options of one `up`.

    Attributes:
        source: address of the input, see docs/contracts.md; empty keeps the one that flows.
        until_done: return when the source has ended and its last record is compacted and reported.
        timeout_s: until the first counts at most; not with until_done, whose source may be long.
        stall_timeout_s: give up when no stage has got on for so long.
        started_at: when the command began, by time.monotonic(); the seconds that are told count from there.
    """

    source: str
    until_done: bool = False
    timeout_s: float = 900.0
    stall_timeout_s: float = 300.0
    started_at: float = field(default_factory=time.monotonic)
