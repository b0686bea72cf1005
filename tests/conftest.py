"""Fixtures for all tests."""

pytest_plugins = ["tests.fixtures", "tests.secured_broker"]
