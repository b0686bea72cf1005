"""A real broker as the cluster in containers has it: TLS, passwords by SCRAM, and what no rule allows is refused.

Rendered from the same template; there is one of it, and it answers on this host.
"""

import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourceType,
    UserScramCredentialUpsertion,
)

from tests.brokers import Broker, free_port, running
from tests.certificates import Authority, Signed

NAME = "localhost"
TOPIC, MECHANISM = "posts", "SCRAM-SHA-512"
# What a quoted string, a JAAS line, JSON or a shell could trip over.
PASSWORDS = {
    "collector": "c\\o\"l'l; e=c,t}o r$ é canary-4711",
    "counter": 'c"o\\"u\\\\n;t = e,r\' ☂ canary-4711',
    "nobody": "canary-4711",
}
CANARY = "canary-4711"


@dataclass
class SecuredBroker(Broker):
    """One broker that asks who one is. The test itself is its superuser `admin`, by a certificate."""

    broker_port: int = field(default_factory=free_port)
    authority: Authority = field(default_factory=Authority)

    def __post_init__(self) -> None:
        self.admin = self.authority.sign("admin")

    @property
    def bootstrap_servers(self) -> str:
        """Where clients log in."""
        return f"{NAME}:{self.port}"

    @property
    def own_servers(self) -> str:
        """Where brokers and the superuser show their certificates."""
        return f"{NAME}:{self.broker_port}"

    @property
    def own_arguments(self) -> dict[str, Any]:
        """kafka-python's, for the superuser."""
        context = ssl.create_default_context(cadata=self.authority.pem)
        path = self.home / "admin.pem"
        write(path, self.admin)
        context.load_cert_chain(path)
        return {"security_protocol": "SSL", "ssl_context": context}

    def template_values(self) -> dict[str, object]:
        ports = {"kafka": self.port, "kafka_controller": self.controller_port, "kafka_broker": self.broker_port}
        (self.home / "ca.pem").write_text(self.authority.pem)
        write(self.home / f"{NAME}.pem", self.authority.sign(NAME, NAME, "127.0.0.1"))
        return {
            **super().template_values(),
            "cluster": True,
            "broker": NAME,
            "controllers": [NAME],
            "brokers": [NAME],
            "ports": SimpleNamespace(**ports),
            "kafka_secrets": str(self.home),
        }

    def set_up(self) -> None:
        """Users, their rules, and the topic."""
        self.create_topic(TOPIC)
        admin = KafkaAdminClient(bootstrap_servers=self.own_servers, **self.own_arguments)
        try:
            users = [UserScramCredentialUpsertion(name, MECHANISM, word) for name, word in PASSWORDS.items()]
            refused = [why for why in admin.alter_user_scram_credentials(users).values() if why]
            refused += admin.create_acls([*_rules()])["failed"]
        finally:
            admin.close()
        if refused:
            raise RuntimeError(f"not set up: {refused}")

    def client(self, user: str, **changed: str | None) -> dict[str, str]:
        """What a client's file of this user holds."""
        settings: dict[str, str | None] = {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": MECHANISM,
            "sasl.username": user,
            "sasl.password": PASSWORDS[user],
            "ssl.ca.pem": "# Főtanúsítvány: bundles have such comments\n" + self.authority.pem,
        }
        settings |= {key.replace("_", "."): value for key, value in changed.items()}
        return {key: value for key, value in settings.items() if value is not None}


def _rules() -> Iterator[ACL]:
    """As docs/contracts.md has it ("The cluster in containers")."""
    literal, prefixed = ACLResourcePatternType.LITERAL, ACLResourcePatternType.PREFIXED
    for user, operation, kind, name, pattern in (
        ("collector", ACLOperation.WRITE, ResourceType.TOPIC, TOPIC, literal),
        ("counter", ACLOperation.READ, ResourceType.TOPIC, TOPIC, literal),
        ("counter", ACLOperation.READ, ResourceType.GROUP, "spark-kafka-", prefixed),
        ("counter", ACLOperation.READ, ResourceType.GROUP, "hashtide", prefixed),
    ):
        allowed = ACLPermissionType.ALLOW
        yield ACL(f"User:{user}", "*", operation, allowed, ResourcePattern(kind, name, pattern))


def write(path: Path, signed: Signed) -> None:
    """Key and certificate in one file, as a PEM store has them."""
    path.write_text(signed.key + signed.certificate)


def kafka_file(folder: Path, settings: dict[str, str], name: str = "kafka.json") -> Path:
    """A client's file, 0400."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.unlink(missing_ok=True)
    path.write_text(json.dumps(settings))
    path.chmod(0o400)
    return path


@pytest.fixture(scope="session")
def secured_broker(kafka_jars: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBroker]:
    """One a test run, with the users collector, counter and nobody; tests leave it running."""
    for broker in running(SecuredBroker(tmp_path_factory.mktemp("secured"), kafka_jars)):
        broker.set_up()
        yield broker
