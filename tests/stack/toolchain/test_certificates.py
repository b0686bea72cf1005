"""What this machine trusts, handed to programs that would not look."""

import subprocess
from pathlib import Path

import pytest

from stack.toolchain import certificates, java


def test_the_users_bundle_comes_first_and_a_missing_one_is_passed_over(tmp_path: Path) -> None:
    named = tmp_path / "company.pem"
    named.write_text("")
    assert certificates.system_bundle({"SSL_CERT_FILE": str(named)}) == named
    assert certificates.system_bundle({"SSL_CERT_FILE": "/nonexistent", "CURL_CA_BUNDLE": str(named)}) == named


def test_pip_and_uv_trust_what_the_system_trusts_unless_the_user_said_otherwise(tmp_path: Path) -> None:
    named = tmp_path / "company.pem"
    named.write_text("")
    env = certificates.environment({"SSL_CERT_FILE": str(named), "PIP_CERT": "own.pem"})
    assert env == {"SSL_CERT_FILE": str(named), "PIP_CERT": "own.pem", "UV_SYSTEM_CERTS": "1"}


def test_java_reads_the_trust_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import certifi

    found, _ = java.find()
    if found is None or not (found.home / "bin" / "keytool").is_file():
        pytest.skip("no Java with a keytool on this machine")
    pem = Path(certifi.where()).read_bytes()
    broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(broken + pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    store = tmp_path / "trust.p12"
    certificates.write_trust_store(store)
    listing = [str(found.home / "bin" / "keytool"), "-list", "-keystore", str(store), "-storepass", "changeit"]
    said = subprocess.run(listing, capture_output=True, text=True, check=True, timeout=60).stdout
    assert said.count("trustedCertEntry") == pem.count(b"BEGIN CERTIFICATE")
