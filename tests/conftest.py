"""Fixtures for all tests; each lives in a file of its own."""

pytest_plugins = ["tests.brokers", "tests.secured_broker", "tests.postgres"]
