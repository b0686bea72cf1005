"""Decisions: attach, start, restart, hand over, stop."""
