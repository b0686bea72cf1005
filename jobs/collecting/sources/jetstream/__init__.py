"""Bluesky's Jetstream. `source` reads it; `events` knows what an event says of itself."""
