"""X (Twitter): posts of the v1.1 streams and archives and of the v2 streams, and their control messages."""
