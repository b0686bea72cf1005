"""The count stage's Spark session is the previews' too."""

from tests.counting.conftest import spark

__all__ = ["spark"]
