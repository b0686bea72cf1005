"""The Kafka client configuration (docs/contracts.md, "A Kafka client's file"): checked once, rendered for each client.

Standard library only. Errors name the file or connection and the key, never a value.
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
KEYS = frozenset(("security.protocol", *_SASL_KEYS, *_TLS_KEYS))
_PKCS8 = "-----BEGIN PRIVATE KEY-----"  # the one form of a key that all three clients read


class KafkaConfigError(ValueError):
    """The configuration cannot be used; the message names the key, and the file if there is one."""


@dataclass(frozen=True)
class KafkaClientConfig:
    """How a client connects to Kafka, and with which credentials; the default is a plain connection without any.

    Made by `parse_kafka_config` or `read_kafka_config`, which check it.

    Attributes:
        settings: in librdkafka's names; CA certificates by value.
    """

    settings: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def protocol(self) -> str:
        """One of PROTOCOLS."""
        return self.settings.get("security.protocol", "PLAINTEXT")

    def as_json(self) -> str:
        """The text of a file that `read_kafka_config` reads; it contains the secrets."""
        return json.dumps(dict(self.settings), indent=1) + "\n"

    def for_librdkafka(self) -> dict[str, str]:
        """Settings of confluent-kafka's clients."""
        return dict(self.settings)

    def for_kafka_python(self) -> dict[str, object]:
        """Arguments of kafka-python's clients, which take a SCRAM user name already escaped."""
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
        """Options of Spark's Kafka source; some are secret: `counting.session` keeps them out of plans and logs."""
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


def read_kafka_config(path: Path | None) -> KafkaClientConfig:
    """The configuration in a JSON file; PLAIN without a file.

    Raises:
        KafkaConfigError: others may read the file, or it is not what docs/contracts.md says.
    """
    if path is None:
        return PLAIN
    try:
        return parse_kafka_config(_read(path))
    except KafkaConfigError as error:
        raise KafkaConfigError(f"{path}: {error}") from None


def parse_kafka_config(settings: Mapping[str, object]) -> KafkaClientConfig:
    """Checks settings in librdkafka's names, and reads the CA certificates if they are given as a path.

    Raises:
        KafkaConfigError: a key is unknown, missing, unused or wrong.
    """
    checked = _checked(settings)
    if location := checked.pop("ssl.ca.location", None):
        try:
            checked["ssl.ca.pem"] = _text(Path(location))
        except KafkaConfigError as error:
            raise KafkaConfigError(f"ssl.ca.location: {location}: {error}") from None
    _check_certificates(checked)
    return KafkaClientConfig(checked)


def _read(path: Path) -> dict[str, object]:
    text = _text(path)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise KafkaConfigError("others may read it; make it 0400 or 0600")
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise KafkaConfigError("not a JSON object")
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise KafkaConfigError(str(why)) from None


def _checked(settings: Mapping[str, object]) -> dict[str, str]:
    if unknown := sorted(settings.keys() - KEYS):
        raise KafkaConfigError(f"unknown key {unknown[0]}; allowed: {', '.join(sorted(KEYS))}")
    found: dict[str, str] = {}
    for key, value in settings.items():
        if not isinstance(value, str) or not value.strip():
            raise KafkaConfigError(f"{key}: must be text, and not empty")
        if key in _SASL_KEYS and not value.isprintable():
            raise KafkaConfigError(f"{key}: contains a character that is not printable")
        found[key] = value
    protocol = found.get("security.protocol", "")
    if protocol not in PROTOCOLS:
        raise KafkaConfigError(f"security.protocol: must be one of {', '.join(PROTOCOLS)}")
    _require(found, protocol)
    if "SASL" in protocol and found["sasl.mechanism"] not in _LOGIN_MODULES:
        raise KafkaConfigError(f"sasl.mechanism: must be one of {', '.join(_LOGIN_MODULES)}")
    return found


def _require(settings: Mapping[str, str], protocol: str) -> None:
    """Refuses what the protocol lacks, and what it would ignore: that was meant to protect something."""
    if "SASL" in protocol and (missing := [key for key in _SASL_KEYS if key not in settings]):
        raise KafkaConfigError(f"{missing[0]}: missing, and security.protocol is {protocol}")
    unused = [*(() if "SASL" in protocol else _SASL_KEYS), *(() if "SSL" in protocol else _TLS_KEYS)]
    if there := [key for key in unused if key in settings]:
        raise KafkaConfigError(f"{there[0]}: not used if security.protocol is {protocol}")
    if "ssl.ca.pem" in settings and "ssl.ca.location" in settings:
        raise KafkaConfigError("ssl.ca.location: given together with ssl.ca.pem; use one of them")
    if ("ssl.certificate.pem" in settings) != ("ssl.key.pem" in settings):
        missing_one = "ssl.key.pem" if "ssl.certificate.pem" in settings else "ssl.certificate.pem"
        raise KafkaConfigError(f"{missing_one}: missing; certificate and key belong together")


def _check_certificates(settings: Mapping[str, str]) -> None:
    if "ssl.key.pem" in settings and _PKCS8 not in settings["ssl.key.pem"]:
        raise KafkaConfigError(f"ssl.key.pem: must be PKCS#8 without a passphrase ({_PKCS8}; `openssl pkcs8 -topk8`)")
    if "SSL" in settings["security.protocol"]:
        _context(settings)


def _context(settings: Mapping[str, str]) -> ssl.SSLContext:
    """Verifies the broker's certificate and host name by the given CA, or the system's."""
    # A bundle's comments may name CAs in other letters than ASCII, which Python insists on.
    authority = settings.get("ssl.ca.pem", "").encode("ascii", "replace").decode()
    try:
        context = ssl.create_default_context(cadata=authority or None)
    except (ssl.SSLError, ValueError):
        raise KafkaConfigError("ssl.ca.pem: not a PEM certificate") from None
    if "ssl.certificate.pem" in settings:
        # Python's ssl reads them only from a file.
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(f"{settings['ssl.key.pem']}\n{settings['ssl.certificate.pem']}\n")
            file.flush()
            try:
                context.load_cert_chain(file.name)
            except (ssl.SSLError, ValueError):
                raise KafkaConfigError("ssl.certificate.pem: not a PEM certificate of ssl.key.pem") from None
    return context


def _jaas(settings: Mapping[str, str]) -> str:
    """One line in Java's JAAS syntax: quoted, with backslashes before what would end it."""
    module = _LOGIN_MODULES[settings["sasl.mechanism"]]
    named = {"username": settings["sasl.username"], "password": settings["sasl.password"]}
    quoted = {name: value.replace("\\", "\\\\").replace('"', '\\"') for name, value in named.items()}
    return f"{module} required " + " ".join(f'{name}="{value}"' for name, value in quoted.items()) + ";"
