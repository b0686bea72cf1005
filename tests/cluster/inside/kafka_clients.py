"""Inside a one-off container of `setup`, which has the administrator's certificate: clients that Kafka must refuse.

    python -m tests.cluster.inside.kafka_clients

Prints a JSON object: who tried what → `yes`, or why not in Kafka's own name of the error.
"""

import json
import secrets
import socket
import ssl
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from stack.cluster.layout import AUTHORITY, deployment
from tests.certificates import Authority

CLIENTS, BROKERS = "kafka-1:9092", "kafka-1:9094"
TOPIC = "posts"
STRANGER = "stranger"
Settings = Mapping[str, str]
_PATIENCE_S = 6.0


class Attempt:
    """One client's; remembers the last thing that its connection said."""

    def __init__(self, settings: Settings) -> None:
        self._last = ""
        self._settings: dict[str, Any] = {**settings, "error_cb": self._failed, "log_level": 0}

    def _failed(self, error: KafkaError) -> None:
        if error.code() != KafkaError._ALL_BROKERS_DOWN:
            self._last = error.name()

    def _why(self, error: KafkaError) -> str:
        return self._last or error.name()

    def sees(self) -> str:
        """Whether it is told of the topic."""
        client = AdminClient(self._settings)
        try:
            told = client.list_topics(TOPIC, timeout=_PATIENCE_S).topics[TOPIC]
        except KafkaException as error:
            client.poll(0)
            return self._why(error.args[0])
        return told.error.name() if told.error else "yes"

    def writes(self) -> str:
        """Whether it may write. Only for those that may not: what is written is counted."""
        said: list[KafkaError | None] = []
        producer = Producer({**self._settings, "message.timeout.ms": int(_PATIENCE_S * 1000)})
        producer.produce(TOPIC, b"planted", partition=0, on_delivery=lambda error, _: said.append(error))
        producer.flush(2 * _PATIENCE_S)
        return "yes" if said[0] is None else said[0].name()

    def reads(self, group: str = "hashtide-test") -> str:
        """Whether it may read, as a member of the group: an assignment by hand would read before the group answers."""
        own = {"group.id": group, "enable.auto.commit": False, "enable.partition.eof": True}
        own["auto.offset.reset"] = "earliest"
        consumer = Consumer({**self._settings, **own})
        try:
            consumer.subscribe([TOPIC])
            message = consumer.poll(_PATIENCE_S)
        finally:
            consumer.close()
        if message is None:
            return self._last or "no answer"
        error = message.error()
        return "yes" if error is None or error.code() == KafkaError._PARTITION_EOF else error.name()


def http_answer(address: str) -> str:
    """What a browser without TLS gets: `nothing`, or the first bytes if they look like HTTP."""
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port)), timeout=_PATIENCE_S) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: kafka-1\r\n\r\n")
        try:
            answer = connection.recv(4096)
        except ConnectionResetError:
            return "nothing"
    # A TLS alert, or the end: no word of a protocol above TLS.
    return "nothing" if not answer or answer[0] == 0x15 else repr(answer[:40])


def tls_answer(address: str, ca_file: Path) -> str:
    """The protocol's version that a client which trusts the authority agrees on."""
    host, _, port = address.partition(":")
    context = ssl.create_default_context(cafile=str(ca_file))
    with (
        socket.create_connection((host, int(port)), timeout=_PATIENCE_S) as plain,
        context.wrap_socket(plain, server_hostname=host) as connection,
    ):
        return str(connection.version())


@contextmanager
def stranger(admin: Settings) -> Iterator[str]:
    """A user whom no rule knows, while this lasts; its password."""
    client, password = AdminClient(dict(admin)), secrets.token_urlsafe(16)
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    _done(client.alter_user_scram_credentials([UserScramCredentialUpsertion(STRANGER, info, password.encode())]))
    try:
        time.sleep(2)  # the brokers hear of it from the controllers
        yield password
    finally:
        gone = UserScramCredentialDeletion(STRANGER, ScramMechanism.SCRAM_SHA_512)
        _done(client.alter_user_scram_credentials([gone]))


def _done(futures: Mapping[str, Any]) -> None:
    for each in futures.values():
        each.result(30)


def main() -> dict[str, str]:
    """Everybody's attempts."""
    own = deployment().secrets
    reader, writer = (json.loads(path.read_text()) for path in (own.kafka_reader_file, own.kafka_writer_file))
    at_clients = {"bootstrap.servers": CLIENTS}
    reader, writer = {**reader, **at_clients}, {**writer, **at_clients}
    trusting = {"security.protocol": "SSL", "ssl.ca.location": str(AUTHORITY / "ca.pem")}
    certified = {name: str(AUTHORITY / "admin.pem") for name in ("ssl.certificate.location", "ssl.key.location")}
    uncertified = {"bootstrap.servers": BROKERS, **trusting}
    admin = {**uncertified, **certified}
    foreign = Authority("somebody else's").sign("admin")
    forged = {"ssl.certificate.pem": foreign.certificate, "ssl.key.pem": foreign.key}
    found = {
        "the counter sees the topic": Attempt(reader).sees(),
        "the counter reads": Attempt(reader).reads(),
        "the counter writes": Attempt(reader).writes(),
        "the counter reads with a group of another name": Attempt(reader).reads("others"),
        "the collector sees the topic": Attempt(writer).sees(),
        "the collector reads": Attempt(writer).reads(),
        "a client without a login sees the topic": Attempt({**at_clients, "security.protocol": "PLAINTEXT"}).sees(),
        "a client with TLS and no login sees the topic": Attempt({**at_clients, **trusting}).sees(),
        "a wrong password sees the topic": Attempt({**reader, "sasl.password": secrets.token_urlsafe(32)}).sees(),
        "an unknown user sees the topic": Attempt({**reader, "sasl.username": "nobody"}).sees(),
        "a certificate of ours at the brokers' door sees the topic": Attempt(admin).sees(),
        "no certificate at the brokers' door sees the topic": Attempt(
            {**trusting, "bootstrap.servers": BROKERS}
        ).sees(),
        "a certificate of another authority sees the topic": Attempt(
            {**trusting, **forged, "bootstrap.servers": BROKERS}
        ).sees(),
        "a password at the brokers' door sees the topic": Attempt({**reader, "bootstrap.servers": BROKERS}).sees(),
        "plain HTTP at the clients' door": http_answer(CLIENTS),
        "plain HTTP at the brokers' door": http_answer(BROKERS),
        "TLS at the clients' door": tls_answer(CLIENTS, AUTHORITY / "ca.pem"),
    }
    with stranger(admin) as password:
        known = {**reader, "sasl.username": STRANGER, "sasl.password": password}
        found["a user without a rule sees the topic"] = Attempt(known).sees()
        found["a user without a rule reads"] = Attempt(known).reads()
        found["a user without a rule writes"] = Attempt(known).writes()
        found["a user without a rule and a wrong password"] = Attempt({**known, "sasl.password": password[1:]}).sees()
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main()) + "\n")
