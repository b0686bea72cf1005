"""Fixtures for all tests, and the skip of those that need the recorded data."""

import pytest
from hypothesis import HealthCheck, settings

from tests.formats.recorded import DATA

# A busy machine is no fault of the code.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

pytest_plugins = ["tests.fixtures", "tests.secured_broker"]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """One line of the summary for all of them, as they are skipped at one place."""
    if item.get_closest_marker("recorded") and not DATA.is_dir():
        pytest.skip(f"no recorded data: {DATA} is absent")
