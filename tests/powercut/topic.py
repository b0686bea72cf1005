"""What a topic must hold. It shares no code with the product."""

from __future__ import annotations

from collections.abc import Sequence


class TopicRecord(tuple[bytes, bytes]):
    """A record's key and value."""


def differences(records: Sequence[TopicRecord], expected: Sequence[Sequence[bytes]]) -> str:
    """What is wrong with a topic: empty if each expected value is there, in its source's order, under one key.

    Args:
        records: what it holds.
        expected: each source's values; all are different.
    """
    keys: dict[bytes, set[bytes]] = {}
    for key, value in records:
        keys.setdefault(value, set()).add(key)
    wanted = {value for values in expected for value in values}
    found = [
        *(f"missing: {value!r}" for value in sorted(wanted - keys.keys())),
        *(f"invented: {value!r}" for value in sorted(keys.keys() - wanted)),
        *(f"counted twice: {value!r} as {sorted(of)}" for value, of in keys.items() if len(of) > 1),
    ]
    if len({key for of in keys.values() for key in of}) < len(keys):
        found.append("two lines share a key")
    for values in expected:
        mine = set(values)
        if not found and [value for value in keys if value in mine] != list(values):
            found.append("not in the source's order")
    return "; ".join(found[:5])
