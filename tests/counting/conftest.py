"""One Spark session for all of the count stage's tests: local, two threads, two partitions of state."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from counting.session import start_session


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """The session, with our settings and, where HASHTIDE_PARTS names the parts, the Kafka connector."""
    parts = os.environ.get("HASHTIDE_PARTS")
    connector = Path(parts) / "jars" / "connector" if parts else None
    session = start_session("tests", "local[2]", 2, connector)
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()
