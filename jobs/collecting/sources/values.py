"""Values of an address that several sources read alike."""

from collecting.source_api import SourceError
from contract.source_address import SourceAddress


def seconds(address: SourceAddress, key: str, default: float) -> float:
    """A number of seconds above 0, at most a day.

    Raises:
        SourceError: it is not such a number.
    """
    text = address.values.get(key)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 86_400:
        raise SourceError(f"source {address.kind}: {key}={text} is no number of seconds")
    return value
