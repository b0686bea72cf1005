"""The CA bundle that this machine trusts, for programs that do not look for it themselves."""

import os
import ssl
from collections.abc import Mapping
from pathlib import Path

CUSTOMARY_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch, Alpine
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",
)


def system_bundle(env: Mapping[str, str] = os.environ) -> Path | None:
    """The PEM file with the CAs of the user or the system; None if not found."""
    named = [env.get(name, "") for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")]
    paths = ssl.get_default_verify_paths()
    for candidate in (*named, paths.cafile or "", *CUSTOMARY_BUNDLES):
        if candidate and Path(candidate).is_file():
            return Path(candidate)
    return None


def environment(env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """`env` with variables that make pip and uv trust the system's CAs."""
    bundle, more = system_bundle(env), {}
    if bundle is not None:  # without one, uv and pip use bundles of their own
        more = {"SSL_CERT_FILE": str(bundle), "PIP_CERT": str(bundle), "UV_SYSTEM_CERTS": "1"}
    return {**more, **env}
