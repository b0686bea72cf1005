"""Two counts side by side: pure, and the first differences readable."""

from collections.abc import Mapping
from typing import Any

SHOWN = 20


def differences(expected: Mapping[Any, Any], found: Mapping[Any, Any]) -> list[str]:
    """One line for each of the first keys that differ, after a line that says how many; empty where all is equal."""
    wrong = [key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key)]
    if not wrong:
        return []
    lines = [f"{key}: expected {expected.get(key)}, found {found.get(key)}" for key in sorted(wrong, key=str)[:SHOWN]]
    return [f"{len(wrong)} of {len(expected.keys() | found.keys())} keys differ", *lines]
