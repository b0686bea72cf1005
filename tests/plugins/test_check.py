"""The command that asks every service as its connection says."""

import json

import pytest

from hashtide_airflow import check
from tests.plugins.fake_hadoop import FakeHadoop
from tests.postgres import Database


def test_yarn_and_hdfs_are_asked_and_nothing_is_left_behind(hadoop: FakeHadoop) -> None:
    hadoop.submit("hashtide-count-g1")
    assert check.yarn() == "the ResourceManager knows 1 of our applications"
    assert check.hdfs() == "/hashtide can be written; Spark's name for it is hdfs://127.0.0.1:8020/hashtide"
    assert hadoop.files == set()
    assert any("/stop/generation=0?op=CREATE" in asked for asked in hadoop.asked)


@pytest.mark.postgres
def test_postgres_says_whether_it_is_encrypted(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hashtide_airflow.settings.dsn", lambda _: database.compactor)
    assert check.postgres("hashtide_compactor").endswith("NOT encrypted")


def test_one_that_fails_does_not_hide_the_others(
    hadoop: FakeHadoop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hadoop.no_hdfs = True
    dead = {
        "conn_type": "postgres",
        "host": "127.0.0.1",
        "port": 1,
        "login": "c",
        "password": "hunter22",
        "schema": "h",
    }
    for name in ("COMPACTOR", "REPORTER"):
        monkeypatch.setenv(f"AIRFLOW_CONN_HASHTIDE_{name}", json.dumps(dead))
    monkeypatch.setattr(check, "LIMIT_S", 30)
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "client")
    monkeypatch.setenv("AIRFLOW_CONN_HASHTIDE_KAFKA", '{"conn_type": "kafka", "host": "no port"}')
    assert check.main() == 1
    lines = capsys.readouterr().out.splitlines()
    said = {line.split()[1].rstrip(":"): line.split()[0] for line in lines if line.startswith(("ok", "FAILED"))}
    assert said == {name: "ok" if name == "hashtide_yarn" else "FAILED" for name in check.CHECKS}
    assert "hunter22" not in "\n".join(lines)
