"""The Kafka client configuration: read strictly, rendered for each client, no value in an error."""

import ssl
from pathlib import Path
from typing import Any

import pytest

from contract.kafka_client import PLAIN, KafkaClientConfig, KafkaConfigError, read_kafka_config
from tests.certificates import Authority
from tests.secured_broker import kafka_file

CANARY = "canary-0123456789"
AUTHORITY = Authority()
OWN = AUTHORITY.sign("us")
LOGIN = {
    "security.protocol": "SASL_SSL",
    "sasl.mechanism": "SCRAM-SHA-512",
    "sasl.username": "us",
    "sasl.password": CANARY,
    "ssl.ca.pem": AUTHORITY.pem,
}
MUTUAL = {
    "security.protocol": "SSL",
    "ssl.ca.pem": AUTHORITY.pem,
    "ssl.certificate.pem": OWN.certificate,
    "ssl.key.pem": OWN.key,
}


def read(tmp_path: Path, settings: dict[str, str]) -> KafkaClientConfig:
    return read_kafka_config(kafka_file(tmp_path, settings))


def test_without_a_file_the_connection_is_plain() -> None:
    assert read_kafka_config(None) is PLAIN
    assert (PLAIN.for_librdkafka(), PLAIN.for_spark()) == ({}, {})
    assert PLAIN.for_kafka_python() == {"security_protocol": "PLAINTEXT"}


def test_credentials_are_rendered_for_each_client(tmp_path: Path) -> None:
    login = read(tmp_path, LOGIN)
    assert login.for_librdkafka() == LOGIN
    python = login.for_kafka_python()
    context = python.pop("ssl_context")
    assert isinstance(context, ssl.SSLContext)
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
    assert [each["subject"] for each in context.get_ca_certs()] == [((("commonName", "test authority"),),)]
    assert python == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "us",
        "sasl_plain_password": CANARY,
    }
    assert login.for_spark() == {
        "kafka.security.protocol": "SASL_SSL",
        "kafka.sasl.mechanism": "SCRAM-SHA-512",
        "kafka.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required "
        f'username="us" password="{CANARY}";',
        "kafka.ssl.truststore.type": "PEM",
        "kafka.ssl.truststore.certificates": AUTHORITY.pem,
    }


def test_a_client_certificate_is_rendered_for_each_client(tmp_path: Path) -> None:
    login = read(tmp_path, MUTUAL)
    assert login.for_librdkafka() == MUTUAL
    assert login.for_kafka_python().keys() == {"security_protocol", "ssl_context"}
    assert login.for_spark() == {
        "kafka.security.protocol": "SSL",
        "kafka.ssl.truststore.type": "PEM",
        "kafka.ssl.truststore.certificates": AUTHORITY.pem,
        "kafka.ssl.keystore.type": "PEM",
        "kafka.ssl.keystore.certificate.chain": OWN.certificate,
        "kafka.ssl.keystore.key": OWN.key,
    }


def test_ca_certificates_may_be_a_path_or_a_value(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(AUTHORITY.pem)
    by_place = {**LOGIN, "ssl.ca.location": str(tmp_path / "ca.pem")}
    del by_place["ssl.ca.pem"]
    assert read(tmp_path, by_place) == KafkaClientConfig(LOGIN)


def test_without_ca_certificates_the_systems_are_trusted(tmp_path: Path) -> None:
    settings = {key: value for key, value in LOGIN.items() if key != "ssl.ca.pem"}
    assert "kafka.ssl.truststore.type" not in read(tmp_path, settings).for_spark()


def test_credentials_are_escaped_for_each_client(tmp_path: Path) -> None:
    login = read(tmp_path, {**LOGIN, "sasl.username": 'a,b=c"', "sasl.password": 'p\\"; x="'})
    jaas = login.for_spark()["kafka.sasl.jaas.config"]
    assert jaas.endswith('username="a,b=c\\"" password="p\\\\\\"; x=\\"";')
    assert login.for_kafka_python()["sasl_plain_username"] == 'a=2Cb=3Dc"'
    plain = read(tmp_path, {**LOGIN, "sasl.mechanism": "PLAIN", "sasl.username": "a,b"})
    assert plain.for_kafka_python()["sasl_plain_username"] == "a,b"


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"security.protocol": None}, "security.protocol: must be one of"),
        ({"security.protocol": CANARY}, "security.protocol: must be one of"),
        ({"sasl.jaas.config": CANARY}, "unknown key sasl.jaas.config; allowed: "),
        ({"sasl.password": None}, "sasl.password: missing"),
        ({"sasl.password": ""}, "sasl.password: must be text"),
        ({"sasl.password": 4711}, "sasl.password: must be text"),
        ({"sasl.password": f"{CANARY}\n"}, "sasl.password: contains a character"),
        ({"sasl.username": None}, "sasl.username: missing"),
        ({"sasl.mechanism": CANARY}, "sasl.mechanism: must be one of"),
        ({"sasl.mechanism": None}, "sasl.mechanism: missing"),
        ({"security.protocol": "PLAINTEXT"}, "sasl.mechanism: not used"),
        ({"security.protocol": "SSL"}, "sasl.mechanism: not used"),
        ({"security.protocol": "SASL_PLAINTEXT"}, "ssl.ca.pem: not used"),
        ({"ssl.ca.pem": CANARY}, "ssl.ca.pem: not a PEM certificate"),
        ({"ssl.ca.pem": f"ünsinn {CANARY}"}, "ssl.ca.pem: not a PEM certificate"),
        ({"ssl.ca.location": "/nowhere"}, "ssl.ca.location: given together"),
        ({"ssl.ca.location": "/nowhere", "ssl.ca.pem": None}, "ssl.ca.location: /nowhere: No such file"),
        ({"ssl.key.pem": OWN.key}, "ssl.certificate.pem: missing"),
        ({"ssl.certificate.pem": OWN.certificate}, "ssl.key.pem: missing"),
        ({"ssl.certificate.pem": OWN.certificate, "ssl.key.pem": CANARY}, "ssl.key.pem: must be PKCS#8"),
        ({"ssl.certificate.pem": CANARY, "ssl.key.pem": OWN.key}, "ssl.certificate.pem: not a PEM certificate"),
        (
            {"ssl.certificate.pem": OWN.certificate, "ssl.key.pem": AUTHORITY.sign("another").key},
            "ssl.certificate.pem: not a PEM certificate",
        ),
    ],
)
def test_an_error_names_the_file_and_the_key_but_no_value(
    tmp_path: Path, changed: dict[str, Any], complaint: str
) -> None:
    settings = {key: value for key, value in {**LOGIN, **changed}.items() if value is not None}
    path = kafka_file(tmp_path, settings)
    with pytest.raises(KafkaConfigError) as refused:
        read_kafka_config(path)
    assert str(refused.value).startswith(f"{path}: {complaint}")
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o644, 0o410])
def test_a_file_that_others_may_read_or_run_is_refused(tmp_path: Path, mode: int) -> None:
    path = kafka_file(tmp_path, LOGIN)
    path.chmod(mode)
    with pytest.raises(KafkaConfigError, match="others may read it; make it 0400 or 0600"):
        read_kafka_config(path)


@pytest.mark.parametrize("text", [CANARY, f'["{CANARY}"]', f'{{"sasl.password": "{CANARY}"', "", "null"])
def test_a_file_without_a_json_object_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "kafka.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(KafkaConfigError) as refused:
        read_kafka_config(path)
    assert str(refused.value) == f"{path}: not a JSON object"


def test_a_missing_or_binary_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KafkaConfigError, match=r"kafka\.json: No such file or directory"):
        read_kafka_config(tmp_path / "kafka.json")
    (tmp_path / "kafka.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(KafkaConfigError, match=r"kafka\.json: not UTF-8 text"):
        read_kafka_config(tmp_path / "kafka.json")


def test_repr_shows_no_secret() -> None:
    assert CANARY not in repr(KafkaClientConfig(LOGIN))
