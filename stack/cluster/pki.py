"""The cluster's own certificate authority, certificates and passwords: created at the first start, then kept.

`python -m stack.cluster.pki ROOT` creates what is missing below ROOT and prints a line per file.

    authority/  ca.key ca.pem admin.pem     the CA, and Kafka's superuser `admin`: for `secrets` and `setup` alone
    kafka/      ca.pem kafka-1.pem …        key and certificate in one file, as Kafka's PEM store wants; cluster_id
    postgres/   superuser
    airflow/    the roles' passwords, Airflow's keys and login, kafka-collector.json, kafka-counter.json, ca.pem

The superuser's password is not among Airflow's files: no process of Airflow needs it.
"""

import argparse
import secrets as random_source
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from contract.files import FileLock, LockHeld, write_atomically
from contract.kafka_client import KafkaClientConfig
from stack.config.errors import StackError
from stack.config.secrets import ADMIN_USER, MAKERS
from stack.config.settings import MOST_BROKERS, StackSettings
from stack.daemons.provisioning import new_cluster_id

BROKERS = 3
KAFKA_USERS = ("collector", "counter")
CA_LIFE = timedelta(days=3650)
LEAF_LIFE = timedelta(days=730)
RENEWED_BEFORE = timedelta(days=60)
_SKEW = timedelta(hours=1)  # a node whose clock is behind must not see a certificate as not yet valid
_LOCK_LIMIT_S = 60.0
_FOLDERS = ("authority", "kafka", "postgres", "airflow")
_NOT_AIRFLOWS = ("supervisor", "postgres_superuser")
_CLIENT, _SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


def ensure(root: Path, brokers: int = BROKERS, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> list[str]:
    """Creates missing files and renews certificates that end within 60 days. Changes nothing else.

    Each file is written atomically with mode 0400; the next run finishes an interrupted one.

    Args:
        root: the folder of the four folders.
        brokers: how many brokers get a certificate, 1 to 9; a later run with a higher number adds the new ones.
        clock: the time, UTC.

    Returns:
        A line per file that was created or renewed.

    Raises:
        StackError: an existing file is invalid or from another CA, or another run holds the lock.
    """
    if not 1 <= brokers <= MOST_BROKERS:
        raise StackError(f"{brokers} brokers: 1 to {MOST_BROKERS} can have a certificate")
    for name in _FOLDERS:
        (root / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    with _lock(root / "authority" / ".lock"):
        for name in _FOLDERS:
            _sweep(root / name)
        return _Run(root, clock()).all(brokers)


class _Run:
    """One run, which collects a line per file."""

    def __init__(self, root: Path, now: datetime) -> None:
        self._root = root
        self._now = now
        self._lines: list[str] = []

    def all(self, brokers: int) -> list[str]:
        self._file("authority/ca.key", _new_key)
        key = self._signing_key()
        self._file("authority/ca.pem", lambda: _pem(_self_signed(key, self._now)))
        ca = self._certificate("authority/ca.pem")
        if ca.public_key() != key.public_key():
            raise StackError(f"{self._root}/authority: ca.pem and ca.key do not match; restore both")
        self._copies_of(_pem(ca))
        self._leaf("authority/admin.pem", ca, key, "admin", (_CLIENT,))
        for number in range(1, brokers + 1):
            self._leaf(f"kafka/kafka-{number}.pem", ca, key, f"kafka-{number}", (_SERVER, _CLIENT))
        self._passwords(_pem(ca))
        return self._lines

    def _file(self, name: str, make: Callable[[], str]) -> None:
        if not (self._root / name).exists():
            _write(self._root / name, make())
            self._lines.append(f"made {name}")

    def _copies_of(self, ca_pem: str) -> None:
        for name in ("kafka/ca.pem", "airflow/ca.pem"):
            self._file(name, lambda: ca_pem)
            if (self._root / name).read_text() != ca_pem:
                raise self._foreign(name)

    def _leaf(
        self,
        name: str,
        ca: x509.Certificate,
        key: ec.EllipticCurvePrivateKey,
        who: str,
        uses: tuple[x509.ObjectIdentifier, ...],
    ) -> None:
        def make() -> str:
            own = ec.generate_private_key(ec.SECP256R1())
            return _private(own) + _pem(_signed(own, who, uses, ca, key, self._now))

        if not (self._root / name).exists():
            self._file(name, make)
            return
        old = self._certificate(name)
        try:
            old.verify_directly_issued_by(ca)
        except (ValueError, TypeError, InvalidSignature):
            raise self._foreign(name) from None
        ends = old.not_valid_after_utc
        if ends - self._now <= RENEWED_BEFORE and ends < ca.not_valid_after_utc:
            _write(self._root / name, make())
            then = f": restart {who}" if _SERVER in uses else ""
            self._lines.append(f"renewed {name}, which would have ended on {ends:%Y-%m-%d}{then}")

    def _passwords(self, ca_pem: str) -> None:
        self._file("kafka/cluster_id", lambda: new_cluster_id() + "\n")
        self._file("postgres/superuser", lambda: MAKERS["postgres_superuser"]() + "\n")
        for name, make in MAKERS.items():
            if name not in _NOT_AIRFLOWS:
                self._file(f"airflow/{name}", lambda make=make: make() + "\n")  # type: ignore[misc]
        self._file("airflow/airflow_admin", lambda: f"{ADMIN_USER}\n{random_source.token_urlsafe(12)}\n")
        for user in KAFKA_USERS:
            self._file(f"airflow/kafka-{user}.json", lambda user=user: _kafka_client(user, ca_pem))  # type: ignore[misc]

    def _signing_key(self) -> ec.EllipticCurvePrivateKey:
        path = self._root / "authority" / "ca.key"
        try:
            key = load_pem_private_key(path.read_bytes(), password=None)
        except (ValueError, TypeError):
            raise StackError(f"{path} is not a private key; restore it") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise StackError(f"{path} is not an elliptic-curve key; restore it")
        return key

    def _certificate(self, name: str) -> x509.Certificate:
        try:
            return x509.load_pem_x509_certificate((self._root / name).read_bytes())
        except ValueError:
            raise StackError(
                f"{self._root / name} does not contain a certificate; remove it, and it is created again"
            ) from None

    def _foreign(self, name: str) -> StackError:
        return StackError(
            f"{self._root / name} is from another CA than authority/ca.pem: restore the volume of authority/, "
            f"or remove that of {name.split('/')[0]}/, and it is created again"
        )


def _new_key() -> str:
    # P-256: a key in a millisecond, and OpenSSL, Java's TLS and Kafka's PEM store all take it.
    return _private(ec.generate_private_key(ec.SECP256R1()))


def _private(key: ec.EllipticCurvePrivateKey) -> str:
    # PKCS #8 is the only format that Kafka reads; a password would have to be in a file beside it.
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _self_signed(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    # A different name for every cluster, so that their CAs can be distinguished.
    name = _named(f"Hashtide cluster {random_source.token_hex(4)}")
    return (
        _builder(name, name, key)
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )


def _signed(
    own: ec.EllipticCurvePrivateKey,
    who: str,
    uses: tuple[x509.ObjectIdentifier, ...],
    ca: x509.Certificate,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    builder = (
        _builder(_named(who), ca.subject, own)
        .not_valid_before(now - _SKEW)
        .not_valid_after(min(now + LEAF_LIFE, ca.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.public_key()), critical=False)  # type: ignore[arg-type]
    )
    if _SERVER in uses:
        # localhost: for the broker's own probe.
        names = x509.SubjectAlternativeName([x509.DNSName(who), x509.DNSName("localhost")])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(key, hashes.SHA256())


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _kafka_client(user: str, ca_pem: str) -> str:
    settings = {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": user,
        "sasl.password": random_source.token_urlsafe(32),
        "ssl.ca.pem": ca_pem,
    }
    return KafkaClientConfig(settings).as_json()


def _write(path: Path, text: str) -> None:
    write_atomically(path, text, durably=True, mode=0o400)


def _sweep(folder: Path) -> None:
    """Removes the temporary files of an interrupted run."""
    for left in folder.glob(".*"):
        if left.name != ".lock":
            left.unlink()


@contextmanager
def _lock(path: Path, limit_s: float = _LOCK_LIMIT_S) -> Iterator[None]:
    try:
        lock = FileLock(path, within_s=limit_s)
    except LockHeld as held:
        raise StackError(f"{path} has been locked by another run (process {held.holder}) for {limit_s:.0f} s") from None
    with lock:
        yield


def main(arguments: list[str]) -> int:
    """Creates what is missing; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m stack.cluster.pki", description="Creates what is missing.")
    parser.add_argument("root", type=Path)
    parser.add_argument("--brokers", type=int, help="how many get a certificate; default: HASHTIDE_BROKERS (3)")
    chosen = parser.parse_args(arguments)
    try:
        brokers = StackSettings.read().brokers if chosen.brokers is None else chosen.brokers
        lines = ensure(chosen.root, brokers)
    except (StackError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
