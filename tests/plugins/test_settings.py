"""What the connections and variables become."""

from pathlib import Path

import pytest
from psycopg2.extensions import parse_dsn

from contract import names
from contract.hadoop_access import Access
from hashtide_airflow import settings
from tests.plugins.fake_hadoop import FakeHadoop


def test_the_services_are_read_from_the_connections_that_the_contract_names(hadoop: FakeHadoop) -> None:
    assert settings.count_log().url == f"webhdfs://127.0.0.1:{hadoop.port}/hashtide/counts"
    assert settings.counting() == settings.Counting(
        root="hdfs://127.0.0.1:8020/hashtide",
        generation=1,
        bootstrap_servers="127.0.0.1:9092",
        topic="posts",
        trigger_interval_s=10,
    )


@pytest.mark.parametrize(
    ("connection", "count_log", "root"),
    [
        (
            '{"conn_type": "http", "host": "https://nn1.example,nn2.example", "port": 9871, '
            '"extra": {"fs": "hdfs://tide/", "root": "/apps/hashtide/", "auth": "kerberos"}}',
            "swebhdfs://nn1.example:9871,nn2.example:9871/apps/hashtide/counts",
            "hdfs://tide/apps/hashtide",
        ),
        (
            '{"conn_type": "http", "host": "nn.example", "port": 9870, "login": "tide@corp", '
            '"extra": {"rpc_port": 8020}}',
            "webhdfs://tide%40corp@nn.example:9870/hashtide/counts",
            "hdfs://nn.example:8020/hashtide",
        ),
    ],
)
def test_an_existing_hdfs_is_named_by_its_connection_alone(
    monkeypatch: pytest.MonkeyPatch, connection: str, count_log: str, root: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_HASHTIDE_HDFS", connection)
    monkeypatch.setenv(
        "AIRFLOW_CONN_HASHTIDE_YARN",
        '{"host": "rm.example", "extra": {"auth": "kerberos", "principal": "h@R", "keytab": "/k"}}',
    )
    assert settings.counting().access == Access(auth="kerberos", principal="h@R", keytab=Path("/k"))
    assert settings.count_log().url == count_log
    assert settings.counting().root == root


def test_an_hdfs_that_spark_can_not_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_HASHTIDE_HDFS", '{"conn_type": "http", "host": "nn.example", "port": 9870}')
    with pytest.raises(ValueError, match=r"hashtide_hdfs: its extra needs fs .* or rpc_port"):
        settings.counting()


def test_variables_win_over_what_is_usual(hadoop: FakeHadoop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_HASHTIDE_GENERATION", "4")
    monkeypatch.setenv("AIRFLOW_VAR_HASHTIDE_TRIGGER_INTERVAL_S", "2")
    monkeypatch.setenv("AIRFLOW_VAR_HASHTIDE_LEASE_MIN", "0.5")
    assert (settings.counting().generation, settings.counting().trigger_interval_s) == (4, 2)
    assert settings.supervision_s() == 30, "the former name of hashtide_supervision_min"
    monkeypatch.setenv("AIRFLOW_VAR_HASHTIDE_SUPERVISION_MIN", "2")
    assert settings.supervision_s() == 120
    monkeypatch.setenv("AIRFLOW_VAR_HASHTIDE_RETWEETS", "own")
    monkeypatch.setenv("AIRFLOW_VAR_HASHTIDE_WORDS", "clean")
    assert (settings.counting().retweets, settings.counting().words) == ("own", "clean")
    assert hadoop.asked == []


def test_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_HASHTIDE_SOURCE", " ")
    with pytest.raises(ValueError, match="hashtide_source is not set"):
        settings.sources()


@pytest.mark.parametrize(
    "value", ['["jetstream", "mastodon:a.example,b.example"]', "jetstream  mastodon:a.example,b.example"]
)
def test_the_sources_are_a_json_list_or_an_old_text(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_HASHTIDE_SOURCE", value)
    assert list(map(str, settings.sources())) == ["jetstream", "mastodon:a.example,b.example"]


def test_a_list_without_a_source_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_HASHTIDE_SOURCE", "[]")
    with pytest.raises(ValueError, match="hashtide_source names no source"):
        settings.sources()


def test_a_password_with_everything_in_it_survives_the_connection_string(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_HASHTIDE_COMPACTOR",
        '{"conn_type": "postgres", "host": "127.0.0.1", "port": 5433, "login": "c", '
        '"password": "a b\'c\\\\d=&", "schema": "hashtide", "extra": {"sslmode": "disable"}}',
    )
    assert parse_dsn(settings.dsn(names.COMPACTOR)) == {
        "host": "127.0.0.1",
        "port": "5433",
        "user": "c",
        "password": "a b'c\\d=&",
        "dbname": "hashtide",
        "sslmode": "disable",
    }


def test_a_managed_postgres_is_verified_by_what_stands_in_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_HASHTIDE_REPORTER",
        '{"conn_type": "postgres", "host": "pg1.example,pg2.example", "login": "r", "password": "p", "schema": "h", '
        '"extra": {"sslmode": "verify-full", "sslrootcert": "/certificates/pg.pem", '
        '"target_session_attrs": "read-write", "connect_timeout": 10}}',
    )
    found = parse_dsn(settings.dsn(names.REPORTER))
    assert (found["host"], found["sslmode"], found["sslrootcert"]) == (
        "pg1.example,pg2.example",
        "verify-full",
        "/certificates/pg.pem",
    )
    assert (found["target_session_attrs"], found["connect_timeout"]) == ("read-write", "10")
