"""The jars of Kafka Connect."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def all_jars(kafka_jars: Path) -> Path:
    """The folder of the folders of jars, Connect's among them."""
    if not (kafka_jars.parent / "connect").is_dir():
        pytest.skip("no jars of Kafka Connect: ./hashtide test brings them")
    return kafka_jars.parent
