"""A broker, and the jars of Kafka Connect."""

from pathlib import Path

import pytest

from tests.brokers import broker, kafka_jars

__all__ = ["broker", "kafka_jars"]


@pytest.fixture(scope="session")
def all_jars(kafka_jars: Path) -> Path:
    """The folder of the folders of jars, Connect's among them."""
    if not (kafka_jars.parent / "connect").is_dir():
        pytest.skip("no jars of Kafka Connect: ./hashtide test brings them")
    return kafka_jars.parent
