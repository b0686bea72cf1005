"""What a person asked `up` for, as far as the main job needs to know."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """Options of one `up`.

    Attributes:
        source: address of the input, see docs/contracts.md.
        until_done: return when the source has ended and its last record is compacted and reported.
    """

    source: str
    until_done: bool = False
