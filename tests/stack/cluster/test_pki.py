"""The certificates and passwords that a cluster makes at its first start."""

import base64
import json
import multiprocessing
import os
import re
import shutil
import ssl
import stat
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from stack.cluster import pki
from stack.config.errors import StackError

NOW = datetime.now(UTC)
ROLES = {"hashtide_migrator", "hashtide_compactor", "hashtide_reporter", "hashtide_reader", "hashtide_airflow"}
AIRFLOW = {"airflow_fernet_key", "airflow_api_secret", "airflow_jwt_secret", "airflow_admin"}


def contents(root: Path) -> dict[str, bytes]:
    files = (path for path in root.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_a_first_run_makes_every_file_for_its_owner_alone(tmp_path: Path) -> None:
    said = pki.ensure(tmp_path)
    made = contents(tmp_path)
    assert {name for name in made if name.startswith("authority/")} == {
        "authority/ca.key",
        "authority/ca.pem",
        "authority/admin.pem",
    }
    assert {name for name in made if name.startswith("kafka/")} == {
        "kafka/ca.pem",
        "kafka/cluster_id",
        "kafka/kafka-1.pem",
        "kafka/kafka-2.pem",
        "kafka/kafka-3.pem",
    }
    assert {name for name in made if name.startswith("postgres/")} == {"postgres/superuser"}
    of_airflow = {*ROLES, *AIRFLOW, "ca.pem", "kafka-collector.json", "kafka-counter.json"}
    assert {name for name in made if name.startswith("airflow/")} == {f"airflow/{name}" for name in of_airflow}
    assert sorted(said) == sorted(f"made {name}" for name in made)
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in made} == {0o400}


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    pki.ensure(tmp_path)
    before = contents(tmp_path)
    assert pki.ensure(tmp_path) == []
    assert contents(tmp_path) == before


def test_no_two_passwords_are_the_same(tmp_path: Path) -> None:
    pki.ensure(tmp_path / "one")
    pki.ensure(tmp_path / "two")
    passwords = []
    for root in (tmp_path / "one", tmp_path / "two"):
        passwords += [(root / "airflow" / name).read_text() for name in (ROLES | AIRFLOW)]
        passwords += [
            json.loads((root / f"airflow/kafka-{user}.json").read_text())["sasl.password"]
            for user in ("collector", "counter")
        ]
        passwords.append((root / "postgres" / "superuser").read_text())
    assert len(set(passwords)) == len(passwords)
    assert min(map(len, passwords)) > 16


def test_a_kafka_clients_file_has_the_keys_of_the_contract(tmp_path: Path) -> None:
    pki.ensure(tmp_path)
    settings = json.loads((tmp_path / "airflow/kafka-counter.json").read_text())
    assert settings.pop("sasl.password")
    assert settings == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "counter",
        "ssl.ca.pem": (tmp_path / "authority/ca.pem").read_text(),
    }


def test_the_id_of_the_kafka_cluster_is_one_that_its_format_takes(tmp_path: Path) -> None:
    pki.ensure(tmp_path)
    made = (tmp_path / "kafka/cluster_id").read_text().strip()
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{21}", made)
    assert len(base64.urlsafe_b64decode(f"{made}==")) == 16


def test_the_login_of_airflow_is_two_lines(tmp_path: Path) -> None:
    pki.ensure(tmp_path)
    user, password = (tmp_path / "airflow/airflow_admin").read_text().splitlines()
    assert user == "admin"
    assert len(password) >= 16


def test_a_brokers_certificate_names_it_and_serves_both_ways(tmp_path: Path) -> None:
    pki.ensure(tmp_path)
    ca = certificate(tmp_path / "kafka/ca.pem")
    broker = certificate(tmp_path / "kafka/kafka-2.pem")
    broker.verify_directly_issued_by(ca)
    assert broker.subject.rfc4514_string() == "CN=kafka-2"
    names = broker.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["kafka-2", "localhost"]
    uses = broker.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(uses) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    assert ca.extensions.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(True, 0)
    assert timedelta(days=729) < broker.not_valid_after_utc - NOW <= timedelta(days=731)
    assert timedelta(days=3649) < ca.not_valid_after_utc - NOW <= timedelta(days=3651)


def test_the_admins_certificate_can_only_be_a_clients(tmp_path: Path) -> None:
    pki.ensure(tmp_path)
    admin = certificate(tmp_path / "authority/admin.pem")
    assert admin.subject.rfc4514_string() == "CN=admin"
    assert list(admin.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.CLIENT_AUTH
    ]


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> None:
    """Both ends in memory, until both have finished."""
    a, b = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(a, b, server_hostname=name),
        server.wrap_bio(b, a, server_side=True),
    ]
    for _ in range(10):
        for end in list(ends):
            try:
                end.do_handshake()
                ends.remove(end)
            except ssl.SSLWantReadError:
                continue
    assert not ends


def contexts(root: Path, broker: str, client: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(root / "kafka/ca.pem"))
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_cert_chain(root / broker)
    mine = ssl.create_default_context(cafile=str(root / "kafka/ca.pem"))
    mine.load_cert_chain(root / client)
    return server, mine


@pytest.mark.parametrize("name", ["kafka-1", "localhost"])
@pytest.mark.parametrize("client", ["authority/admin.pem", "kafka/kafka-3.pem"])
def test_broker_and_client_accept_each_other(tmp_path: Path, name: str, client: str) -> None:
    pki.ensure(tmp_path)
    handshake(*contexts(tmp_path, "kafka/kafka-1.pem", client), name)


def test_a_broker_is_not_taken_for_another(tmp_path: Path) -> None:
    pki.ensure(tmp_path)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(*contexts(tmp_path, "kafka/kafka-1.pem", "authority/admin.pem"), "kafka-2")


def test_the_admin_cannot_stand_in_for_a_broker(tmp_path: Path) -> None:
    pki.ensure(tmp_path)
    with pytest.raises(ssl.SSLError, match="purpose"):
        handshake(*contexts(tmp_path, "authority/admin.pem", "authority/admin.pem"), "admin")


def test_a_higher_number_makes_the_new_brokers_alone(tmp_path: Path) -> None:
    pki.ensure(tmp_path)
    before = contents(tmp_path)
    assert pki.ensure(tmp_path, brokers=5) == ["made kafka/kafka-4.pem", "made kafka/kafka-5.pem"]
    assert {name: text for name, text in contents(tmp_path).items() if name in before} == before
    assert pki.ensure(tmp_path, brokers=3) == []


@pytest.mark.parametrize("brokers", [0, 10])
def test_a_number_of_brokers_that_cannot_be_is_refused(tmp_path: Path, brokers: int) -> None:
    with pytest.raises(StackError, match="1 to 9"):
        pki.ensure(tmp_path, brokers)


def test_only_certificates_that_end_soon_are_renewed(tmp_path: Path) -> None:
    pki.ensure(tmp_path, clock=lambda: NOW)
    before = contents(tmp_path)
    assert pki.ensure(tmp_path, clock=lambda: NOW + timedelta(days=730 - 61)) == []
    said = pki.ensure(tmp_path, clock=lambda: NOW + timedelta(days=730 - 59))
    renewed = {f"kafka/kafka-{number}.pem" for number in (1, 2, 3)} | {"authority/admin.pem"}
    assert len(said) == 4
    assert all(line.startswith("renewed ") for line in said)
    assert ["restart" in line for line in said] == ["kafka-" in line for line in said]
    after = contents(tmp_path)
    assert {name for name in after if after[name] != before[name]} == renewed
    certificate(tmp_path / "kafka/kafka-1.pem").verify_directly_issued_by(certificate(tmp_path / "kafka/ca.pem"))


def test_what_was_lost_is_made_again_to_fit_the_rest(tmp_path: Path) -> None:
    pki.ensure(tmp_path)
    before = contents(tmp_path)
    for name in ("kafka/kafka-1.pem", "airflow/hashtide_reader", "kafka/ca.pem"):
        (tmp_path / name).unlink()
    assert len(pki.ensure(tmp_path)) == 3
    after = contents(tmp_path)
    assert after["kafka/ca.pem"] == before["kafka/ca.pem"]
    handshake(*contexts(tmp_path, "kafka/kafka-1.pem", "authority/admin.pem"), "kafka-1")


def test_brokers_of_another_ca_are_reported(tmp_path: Path) -> None:
    pki.ensure(tmp_path)
    shutil.rmtree(tmp_path / "authority")
    before = contents(tmp_path)
    with pytest.raises(StackError, match=r"kafka/ca\.pem is from another CA"):
        pki.ensure(tmp_path)
    assert {name: text for name, text in contents(tmp_path).items() if name in before} == before


def test_a_leaf_of_another_ca_is_reported(tmp_path: Path) -> None:
    pki.ensure(tmp_path / "one")
    pki.ensure(tmp_path / "two")
    (tmp_path / "two/kafka/kafka-1.pem").replace(tmp_path / "one/kafka/kafka-1.pem")
    with pytest.raises(StackError, match=r"kafka/kafka-1\.pem is from another CA"):
        pki.ensure(tmp_path / "one")


@pytest.mark.parametrize("name", ["authority/ca.key", "authority/ca.pem", "kafka/kafka-1.pem"])
def test_a_file_that_is_not_what_it_should_be_is_named(tmp_path: Path, name: str) -> None:
    pki.ensure(tmp_path)
    (tmp_path / name).unlink()
    (tmp_path / name).write_text("not PEM")
    with pytest.raises(StackError, match=name):
        pki.ensure(tmp_path)


def test_a_run_that_was_cut_is_finished_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut before each of its renames in turn: what is there is whole, and in the end all fits together."""
    real, cuts = Path.replace, 0

    class Cut(BaseException):
        pass

    def run_cut_at(number: int) -> bool:
        calls = 0

        def replace(self: Path, target: Path) -> Path:
            nonlocal calls
            calls += 1
            if calls == number:
                raise Cut
            return real(self, target)

        monkeypatch.setattr(Path, "replace", replace)
        try:
            pki.ensure(tmp_path)
        except Cut:
            return True
        finally:
            monkeypatch.setattr(Path, "replace", real)
        return False

    while run_cut_at(cuts % 4 + 1):
        cuts += 1
        seen = [path for path in tmp_path.rglob("*") if path.is_file() and not path.name.startswith(".")]
        assert all(path.stat().st_size and stat.S_IMODE(path.stat().st_mode) == 0o400 for path in seen)
        assert cuts < 200
    assert cuts > 10
    assert pki.ensure(tmp_path) == []
    assert not [path for path in tmp_path.rglob(".*") if path.name != ".lock"]
    handshake(*contexts(tmp_path, "kafka/kafka-3.pem", "authority/admin.pem"), "kafka-3")


def test_what_was_left_aside_is_removed(tmp_path: Path) -> None:
    (tmp_path / "authority").mkdir()
    (tmp_path / "authority" / "..ca.key.4711").write_text("half a key")
    pki.ensure(tmp_path)
    assert not [path for path in tmp_path.rglob(".*") if path.name != ".lock"]


def test_a_key_that_does_not_match_the_ca_is_reported(tmp_path: Path) -> None:
    pki.ensure(tmp_path)
    (tmp_path / "authority/ca.key").unlink()
    with pytest.raises(StackError, match="do not match"):
        pki.ensure(tmp_path)


def test_runs_at_once_make_one_set(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    with context.Pool(4) as pool:
        said = pool.map(pki.ensure, [tmp_path] * 8)
    assert sum(map(len, said)) == len(contents(tmp_path))
    assert pki.ensure(tmp_path) == []


def test_a_run_waits_for_the_lock_no_longer_than_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with pki._lock(path), pytest.raises(StackError, match="locked by another run"), pki._lock(path, 0.1):
        pass
    with pki._lock(path, 0.1):
        assert path.exists()


def test_the_command_prints_a_line_for_each_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pki.main([str(tmp_path), "--brokers", "1"]) == 0
    assert "made kafka/kafka-1.pem\n" in capsys.readouterr().out
    assert pki.main([str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines() == ["made kafka/kafka-2.pem", "made kafka/kafka-3.pem"]


def test_the_command_goes_by_the_setting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HASHTIDE_BROKERS", "4")
    assert pki.main([str(tmp_path)]) == 0
    assert "made kafka/kafka-4.pem\n" in capsys.readouterr().out
    monkeypatch.setenv("HASHTIDE_BROKERS", "2")
    assert pki.main([str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("HASHTIDE_BROKERS: ")


def test_the_command_fails_with_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "kafka").write_text("")
    assert pki.main([str(tmp_path)]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="to become another user takes root")
def test_a_user_who_is_not_root_can_run_it_twice() -> None:
    def run() -> None:
        os.setresuid(10001, 10001, 10001)
        far = NOW + timedelta(days=700)
        pki.ensure(root)
        pki.ensure(root, clock=lambda: far)  # renews what it may not write to

    root = Path(tempfile.mkdtemp())  # pytest's own folders are root's alone
    os.chown(root, 10001, 10001)
    try:
        process = multiprocessing.get_context("fork").Process(target=run)
        process.start()
        process.join(60)
        assert process.exitcode == 0
    finally:
        shutil.rmtree(root)
