"""X (Twitter): posts of the v1.1 streams and archives and of the v2 streams, and their control messages."""

from formats.x.details import describe
from formats.x.posts import SOURCE, parse, post_id

__all__ = ["SOURCE", "describe", "parse", "post_id"]
