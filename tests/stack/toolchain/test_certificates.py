"""What this machine trusts, handed to programs that would not look."""

from pathlib import Path

from stack.toolchain import certificates


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
