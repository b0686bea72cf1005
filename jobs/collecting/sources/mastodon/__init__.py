"""Mastodon: one server's streaming API. `source` reads it; the other files are what it needs."""
