"""How the stack's own readers connect to Kafka."""

import ssl
from pathlib import Path

import pytest

from stack.config.errors import StackError
from stack.observe.kafka_client import kafka_arguments
from tests.certificates import Authority
from tests.secured_broker import kafka_file

CANARY = "canary-0123456789"
AUTHORITY = Authority()
LOGIN = {
    "security.protocol": "SASL_SSL",
    "sasl.mechanism": "SCRAM-SHA-512",
    "sasl.username": "us",
    "sasl.password": CANARY,
    "ssl.ca.pem": "# Főtanúsítvány\n" + AUTHORITY.pem,
}


def test_without_a_file_the_connection_is_plain() -> None:
    assert kafka_arguments(None) == {"security_protocol": "PLAINTEXT"}


def test_credentials_are_sent_only_to_a_verified_broker(tmp_path: Path) -> None:
    arguments = kafka_arguments(kafka_file(tmp_path, LOGIN))
    context = arguments.pop("ssl_context")
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
    assert len(context.get_ca_certs()) == 1
    assert arguments == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "us",
        "sasl_plain_password": CANARY,
    }


def test_a_client_certificate_needs_no_password(tmp_path: Path) -> None:
    own = AUTHORITY.sign("us")
    settings = {"security.protocol": "SSL", "ssl.ca.pem": AUTHORITY.pem}
    settings |= {"ssl.certificate.pem": own.certificate, "ssl.key.pem": own.key}
    assert kafka_arguments(kafka_file(tmp_path, settings)).keys() == {"security_protocol", "ssl_context"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f'{{"sasl.password": "{CANARY}"}}', "security.protocol: must be one of"),
        (f'{{"security.protocol": "SASL_SSL", "x": "{CANARY}"}}', "unknown key x; allowed"),
        (f'{{"security.protocol": "SSL", "ssl.ca.pem": "{CANARY}"}}', "ssl.ca.pem: not a PEM certificate"),
        (CANARY, "not a JSON object"),
        (f'["{CANARY}"]', "not a JSON object"),
    ],
)
def test_an_error_names_the_file_but_no_value(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "kafka.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(StackError) as refused:
        kafka_arguments(path)
    assert why in str(refused.value)
    assert str(path) in str(refused.value)
    assert CANARY not in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="nowhere: No such file"):
        kafka_arguments(tmp_path / "nowhere")
