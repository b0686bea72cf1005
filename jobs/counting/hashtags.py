"""Hashtags in plain text."""


def extract(text: str) -> list[str]:
    """Stub."""
    return [w[1:] for w in text.split() if w.startswith("#")]
