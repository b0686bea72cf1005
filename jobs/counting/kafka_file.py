"""A Kafka client's file (docs/contracts.md): how we say who we are, in the words of each client that we use.

Nothing here says a value: the errors name the file and the key.
"""

import json
import ssl
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_SASL = "org.apache.kafka.common.security"
_LOGIN_MODULES = {
    "PLAIN": f"{_SASL}.plain.PlainLoginModule",
    "SCRAM-SHA-256": f"{_SASL}.scram.ScramLoginModule",
    "SCRAM-SHA-512": f"{_SASL}.scram.ScramLoginModule",
}
_SASL_KEYS = ("sasl.mechanism", "sasl.username", "sasl.password")
_TLS_KEYS = ("ssl.ca.pem", "ssl.ca.location", "ssl.certificate.pem", "ssl.key.pem")
_KEYS = frozenset(("security.protocol", *_SASL_KEYS, *_TLS_KEYS))
_PKCS8 = "-----BEGIN PRIVATE KEY-----"  # the one form of a key that all three clients read


class KafkaFileError(ValueError):
    """The file can't be used; says which file, and which key of it."""


@dataclass(frozen=True)
class KafkaClientConfig:
    """How a client reaches Kafka, and as whom; by itself plainly and as nobody.

    Attributes:
        settings: what was asked for, checked, in librdkafka's names; the authority's certificates by value.
    """

    settings: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def protocol(self) -> str:
        """One of PROTOCOLS."""
        return self.settings.get("security.protocol", "PLAINTEXT")

    def for_librdkafka(self) -> dict[str, str]:
        """Beside what else confluent-kafka is told."""
        return dict(self.settings)

    def for_kafka_python(self) -> dict[str, object]:
        """Arguments of kafka-python's clients."""
        arguments: dict[str, object] = {"security_protocol": self.protocol}
        if "SSL" in self.protocol:
            arguments["ssl_context"] = _context(self.settings)
        if "SASL" in self.protocol:
            mechanism, username = self.settings["sasl.mechanism"], self.settings["sasl.username"]
            if mechanism != "PLAIN":  # RFC 5802, 5.1; the other clients do it themselves
                username = username.replace("=", "=3D").replace(",", "=2C")
            arguments |= {
                "sasl_mechanism": mechanism,
                "sasl_plain_username": username,
                "sasl_plain_password": self.settings["sasl.password"],
            }
        return arguments

    def for_spark(self) -> dict[str, str]:
        """Options of Spark's Kafka source. `session.REDACTED` keeps the secret ones out of its plans and logs."""
        if not self.settings:
            return {}
        options = {"kafka.security.protocol": self.protocol}
        if "SASL" in self.protocol:
            options["kafka.sasl.mechanism"] = self.settings["sasl.mechanism"]
            options["kafka.sasl.jaas.config"] = _jaas(self.settings)
        if authority := self.settings.get("ssl.ca.pem"):
            options |= {"kafka.ssl.truststore.type": "PEM", "kafka.ssl.truststore.certificates": authority}
        if certificate := self.settings.get("ssl.certificate.pem"):
            options |= {"kafka.ssl.keystore.type": "PEM", "kafka.ssl.keystore.certificate.chain": certificate}
            options["kafka.ssl.keystore.key"] = self.settings["ssl.key.pem"]
        return options


PLAIN = KafkaClientConfig()


def read_kafka_file(path: Path | None) -> KafkaClientConfig:
    """What the file says; PLAIN where there is none.

    Raises:
        KafkaFileError: others may read it, or it is not what docs/contracts.md says.
    """
    if path is None:
        return PLAIN
    settings = _read(path)
    try:
        _check(settings)
        if location := settings.pop("ssl.ca.location", None):
            settings["ssl.ca.pem"] = _text(Path(location), "ssl.ca.location: ")
        _check_certificates(settings)
    except KafkaFileError as error:
        raise KafkaFileError(f"{path}: {error}") from None
    return KafkaClientConfig(settings)


def _read(path: Path) -> dict[str, str]:
    text = _text(path)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise KafkaFileError(f"{path}: others may read it; make it 0400 or 0600")
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise KafkaFileError(f"{path}: is not a JSON object")
    return found


def _text(path: Path, key: str = "") -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "is no text"
        raise KafkaFileError(f"{key}{path}: {why}") from None


def _check(settings: Mapping[str, object]) -> None:
    if unknown := sorted(settings.keys() - _KEYS):
        raise KafkaFileError(f"{unknown[0]}: is none of {', '.join(sorted(_KEYS))}")
    for key, value in settings.items():
        if not isinstance(value, str) or not value.strip():
            raise KafkaFileError(f"{key}: must be text, and not empty")
        if key in _SASL_KEYS and not value.isprintable():
            raise KafkaFileError(f"{key}: holds a character that can't be printed")
    protocol = settings.get("security.protocol")
    if protocol not in PROTOCOLS:
        raise KafkaFileError(f"security.protocol: must be one of {', '.join(PROTOCOLS)}")
    _require(settings, str(protocol))
    if "SASL" in str(protocol) and settings["sasl.mechanism"] not in _LOGIN_MODULES:
        raise KafkaFileError(f"sasl.mechanism: must be one of {', '.join(_LOGIN_MODULES)}")


def _require(settings: Mapping[str, object], protocol: str) -> None:
    """What the protocol needs is there, and nothing that it would leave unused: it was meant to protect something."""
    if "SASL" in protocol and (missing := [key for key in _SASL_KEYS if key not in settings]):
        raise KafkaFileError(f"{missing[0]}: is missing, and security.protocol is {protocol}")
    unused = [*(() if "SASL" in protocol else _SASL_KEYS), *(() if "SSL" in protocol else _TLS_KEYS)]
    if there := [key for key in unused if key in settings]:
        raise KafkaFileError(f"{there[0]}: is not used where security.protocol is {protocol}")
    if "ssl.ca.pem" in settings and "ssl.ca.location" in settings:
        raise KafkaFileError("ssl.ca.location: stands beside ssl.ca.pem; one of them")
    if ("ssl.certificate.pem" in settings) != ("ssl.key.pem" in settings):
        missing_one = "ssl.key.pem" if "ssl.certificate.pem" in settings else "ssl.certificate.pem"
        raise KafkaFileError(f"{missing_one}: is missing; certificate and key come together")


def _check_certificates(settings: Mapping[str, str]) -> None:
    if "ssl.key.pem" in settings and _PKCS8 not in settings["ssl.key.pem"]:
        raise KafkaFileError(f"ssl.key.pem: must be PKCS#8 without a passphrase ({_PKCS8}; `openssl pkcs8 -topk8`)")
    if "SSL" in settings["security.protocol"]:
        _context(settings)


def _context(settings: Mapping[str, str]) -> ssl.SSLContext:
    """Checks certificate and host name, by the given authority or the system's."""
    # Bundles name authorities in comments, some of them not in ASCII, which Python insists on.
    authority = settings.get("ssl.ca.pem", "").encode("ascii", "replace").decode()
    try:
        context = ssl.create_default_context(cadata=authority or None)
    except (ssl.SSLError, ValueError):
        raise KafkaFileError("ssl.ca.pem: holds no certificate in PEM") from None
    if "ssl.certificate.pem" in settings:
        # Python's ssl reads them from a file only.
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(f"{settings['ssl.key.pem']}\n{settings['ssl.certificate.pem']}\n")
            file.flush()
            try:
                context.load_cert_chain(file.name)
            except (ssl.SSLError, ValueError):
                raise KafkaFileError("ssl.certificate.pem: is no certificate in PEM of ssl.key.pem") from None
    return context


def _jaas(settings: Mapping[str, str]) -> str:
    """One line in Java's JAAS syntax: quoted, with backslashes before what would end it."""
    module = _LOGIN_MODULES[settings["sasl.mechanism"]]
    named = {"username": settings["sasl.username"], "password": settings["sasl.password"]}
    quoted = {name: value.replace("\\", "\\\\").replace('"', '\\"') for name, value in named.items()}
    return f"{module} required " + " ".join(f'{name}="{value}"' for name, value in quoted.items()) + ";"
