"""Values of an address that several sources read alike."""

from collecting.addresses import Address
from collecting.source_api import SourceError


def seconds(address: Address, key: str, default: float) -> float:
    """A number of seconds above 0, at most a day.

    Raises:
        SourceError: it is none.
    """
    text = address.settings.get(key)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 86_400:
        raise SourceError(f"source {address.kind}: {key}={text} is no number of seconds")
    return value
