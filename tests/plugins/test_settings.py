"""What the connections and variables become."""

import pytest
from psycopg2.extensions import parse_dsn

from hashtide_airflow import settings
from tests.plugins.fake_hadoop import FakeHadoop


def test_the_services_are_read_from_the_connections_that_the_contract_names(hadoop: FakeHadoop) -> None:
    assert settings.count_log_url() == f"webhdfs://127.0.0.1:{hadoop.port}/hashtide/counts"
    assert settings.counting() == settings.Counting(
        root="hdfs://127.0.0.1:8020/hashtide",
        generation=1,
        bootstrap_servers="127.0.0.1:9092",
        topic="posts",
        trigger_interval_s=10,
    )


def test_variables_win_over_what_is_usual(hadoop: FakeHadoop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_HASHTIDE_GENERATION", "4")
    monkeypatch.setenv("AIRFLOW_VAR_HASHTIDE_TRIGGER_INTERVAL_S", "2")
    monkeypatch.setenv("AIRFLOW_VAR_HASHTIDE_LEASE_MIN", "0.5")
    assert (settings.counting().generation, settings.counting().trigger_interval_s) == (4, 2)
    assert settings.lease_s() == 30
    monkeypatch.setenv("AIRFLOW_VAR_HASHTIDE_RETWEETS", "own")
    monkeypatch.setenv("AIRFLOW_VAR_HASHTIDE_WORDS", "clean")
    assert (settings.counting().retweets, settings.counting().words) == ("own", "clean")
    assert hadoop.asked == []


def test_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_HASHTIDE_SOURCE", " ")
    with pytest.raises(ValueError, match="hashtide_source is not set"):
        settings.source()


def test_a_password_with_everything_in_it_survives_the_connection_string(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_HASHTIDE_COMPACTOR",
        '{"conn_type": "postgres", "host": "127.0.0.1", "port": 5433, "login": "c", '
        '"password": "a b\'c\\\\d=&", "schema": "hashtide", "extra": {"sslmode": "disable"}}',
    )
    assert parse_dsn(settings.dsn(settings.COMPACTOR)) == {
        "host": "127.0.0.1",
        "port": "5433",
        "user": "c",
        "password": "a b'c\\d=&",
        "dbname": "hashtide",
        "sslmode": "disable",
    }
