"""X: API v2's filtered stream. `source` reads it; the other files are what it needs, each one thing."""

from collecting.sources.x.source import XSource

__all__ = ["XSource"]
