"""What `setup` does at each `up`, beside an Airflow that may be at work."""

from pathlib import Path

import pytest
import requests

from stack.cluster import layout, setup


def test_hdfs_gets_its_folder_and_keeps_a_stop_marker_that_somebody_has_just_put(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", "/java")
    monkeypatch.setenv("HASHTIDE_HOME", str(tmp_path))
    asked = []

    def answer(_: object, method: str, url: str, **options: dict[str, str]) -> requests.Response:
        asked.append((method.upper(), url, options["params"]["op"]))
        found = requests.Response()
        found.status_code = 200
        return found

    monkeypatch.setattr(requests.Session, "request", answer)
    assert setup._hdfs(layout.deployment()) == "/hashtide is there"
    assert asked == [("PUT", "http://namenode:9870/webhdfs/v1/hashtide", "MKDIRS")]
