"""Who comes without the right word is refused, and who has it is not."""

import json

import pytest

from tests.cluster.compose import Cluster

pytestmark = [pytest.mark.cluster, pytest.mark.cluster_core, pytest.mark.timeout(1800)]

Answers = dict[str, str]
REFUSED_READING = ("TOPIC_AUTHORIZATION_FAILED", "GROUP_AUTHORIZATION_FAILED")
"""A consumer asks for both at once; which answer comes first is chance."""


@pytest.fixture(scope="module")
def kafka(cluster: Cluster) -> Answers:
    """What Kafka answers to whom."""
    return _answers(cluster, "kafka_clients")


@pytest.fixture(scope="module")
def postgres(cluster: Cluster) -> Answers:
    """What Postgres answers to whom."""
    return _answers(cluster, "postgres_clients")


def _answers(cluster: Cluster, module: str) -> Answers:
    found: Answers = json.loads(cluster.one_off("setup", f"cluster.inside.{module}", limit_s=600).splitlines()[-1])
    return found


def test_a_kafka_client_without_a_login_is_refused(kafka: Answers) -> None:
    assert kafka["the counter sees the topic"] == "yes"
    assert kafka["a client without a login sees the topic"] != "yes"
    assert kafka["a client with TLS and no login sees the topic"] != "yes"


def test_a_wrong_password_and_an_unknown_user_are_refused(kafka: Answers) -> None:
    assert kafka["the collector sees the topic"] == "yes"
    assert kafka["a wrong password sees the topic"] == "_AUTHENTICATION"
    assert kafka["an unknown user sees the topic"] == "_AUTHENTICATION"


def test_a_user_without_a_rule_comes_in_and_may_nothing(kafka: Answers) -> None:
    assert kafka["a user without a rule and a wrong password"] == "_AUTHENTICATION", "its password counts"
    assert kafka["a user without a rule sees the topic"] == "TOPIC_AUTHORIZATION_FAILED"
    assert kafka["a user without a rule writes"] == "TOPIC_AUTHORIZATION_FAILED"
    assert kafka["a user without a rule reads"] in REFUSED_READING


def test_each_user_may_do_its_own_work_only(kafka: Answers) -> None:
    assert kafka["the counter reads"] == "yes"
    assert kafka["the counter reads with a group of another name"] == "GROUP_AUTHORIZATION_FAILED"
    assert kafka["the counter writes"] == "TOPIC_AUTHORIZATION_FAILED"
    assert kafka["the collector reads"] in REFUSED_READING


def test_the_brokers_own_door_opens_to_the_authoritys_certificates_only(kafka: Answers) -> None:
    assert kafka["a certificate of ours at the brokers' door sees the topic"] == "yes"
    for who in ("no certificate at", "a password at"):
        assert kafka[f"{who} the brokers' door sees the topic"] != "yes", who
    assert kafka["a certificate of another authority sees the topic"] != "yes"


def test_plain_http_at_a_door_of_tls_gets_no_answer(kafka: Answers) -> None:
    assert kafka["TLS at the clients' door"] in ("TLSv1.2", "TLSv1.3")
    assert kafka["plain HTTP at the clients' door"] == "nothing"
    assert kafka["plain HTTP at the brokers' door"] == "nothing"


def test_postgres_lets_nobody_in_without_the_right_password(postgres: Answers) -> None:
    roles = [who.removesuffix(" with its password") for who in postgres if who.endswith(" with its password")]
    assert len(roles) == 6
    for role in roles:
        assert postgres[f"{role} with its password"] == "yes"
        assert "password authentication failed" in postgres[f"{role} with a wrong password"]
        assert "no password supplied" in postgres[f"{role} without a password"]
    assert postgres["unsafe rules"] == "[]"


def test_the_reader_of_postgres_only_reads(postgres: Answers) -> None:
    assert postgres["the reader reads"] == "yes"
    assert "permission denied" in postgres["the reader writes"]
    assert "permission denied" in postgres["the reader looks at Airflow's metadata"]
