"""A token is in a file that only its owner reads, and nowhere else."""

import json
import stat
from pathlib import Path

import pytest

from contract.source_address import read_stored
from hashtide_airflow import tokens

CANARY = "canary-0123456789"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tokens, "FOLDER", tmp_path / "secrets")
    return tmp_path / "secrets"


def token_files(sources: str, *, named_by_form: bool = False) -> dict[str, str]:
    return tokens.token_files(read_stored(sources), named_by_form=named_by_form)


def connect(monkeypatch: pytest.MonkeyPatch, network: str, **values: object) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_HASHTIDE_{network.upper()}", json.dumps({"conn_type": "http", **values}))


def test_xs_token_is_a_file_of_mode_0400(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, "x", password=CANARY)
    for _ in range(2):  # and again, over the one that is there
        assert token_files("x:terms=rain") == {"HASHTIDE_X_TOKEN_FILE": f"{folder}/x_token"}
    assert (folder / "x_token").read_text() == CANARY + "\n"
    assert stat.S_IMODE((folder / "x_token").stat().st_mode) == 0o400
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [path.name for path in folder.iterdir()] == ["x_token"]


def test_a_source_that_needs_none_gets_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, "x", password=CANARY)
    assert token_files("jetstream file:/x.jsonl") == {}
    assert not folder.exists()


def test_mastodons_are_a_line_a_server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, "mastodon", password="for-all", extra={"m.example": CANARY})
    found = token_files("mastodon:m.example,https://o.example/ x")
    assert found == {"HASHTIDE_MASTODON_TOKEN_FILE": f"{folder}/mastodon_token"}
    assert (folder / "mastodon_token").read_text() == f"m.example {CANARY}\no.example for-all\n"


def test_a_server_that_a_form_named_does_not_get_the_token_for_all(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, "mastodon", password=CANARY, extra={"m.example": "its-own"})
    assert by_form(folder) == "m.example its-own\n"


def by_form(folder: Path) -> str:
    """What a collector gets whose server a form named."""
    found = token_files("mastodon:evil.example", named_by_form=True)
    assert found == {"HASHTIDE_MASTODON_TOKEN_FILE": f"{folder}/mastodon_token_by_form"}
    return Path(found["HASHTIDE_MASTODON_TOKEN_FILE"]).read_text()


@pytest.mark.parametrize("variable", ["AIRFLOW_VAR_HASHTIDE_MASTODON_TOKEN_FILE", "HASHTIDE_MASTODON_TOKEN_FILE"])
def test_nor_does_it_get_the_line_for_all_of_a_file(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    file = tmp_path / "tokens"
    file.write_text(f"m.example its-own\n  * {CANARY}\n")
    file.chmod(0o600)
    monkeypatch.setenv(variable, str(file))
    assert by_form(folder) == "m.example its-own\n"


def test_nor_does_it_get_the_extra_for_all(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, "mastodon", extra={"*": CANARY, " *": CANARY, "m.example": "its-own"})
    assert by_form(folder) == "m.example its-own\n"


def test_where_there_is_no_token_of_its_own_an_empty_file_hides_the_inherited_one(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert by_form(folder) == ""
    (tmp_path / "tokens").write_text("m.example inherited\n")
    monkeypatch.setenv("HASHTIDE_MASTODON_TOKEN_FILE", str(tmp_path / "tokens"))
    connect(monkeypatch, "mastodon", password=CANARY)
    assert by_form(folder) == ""


def test_a_token_file_that_others_may_read_or_nobody_can_is_named_to_the_forms_run(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HASHTIDE_MASTODON_TOKEN_FILE", str(tmp_path / "tokens"))
    with pytest.raises(ValueError, match="can't be read: No such file"):
        by_form(folder)
    (tmp_path / "tokens").write_text(f"* {CANARY}\n")
    (tmp_path / "tokens").chmod(0o644)
    with pytest.raises(ValueError, match="others may read it"):
        by_form(folder)


def test_a_connection_with_neither_password_nor_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, "mastodon")
    for named_by_form in (False, True):
        with pytest.raises(ValueError, match="hashtide_mastodon holds no token: neither a password nor an extra"):
            token_files("mastodon:m.example", named_by_form=named_by_form)


def test_without_a_connection_the_file_given_to_up_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert token_files("x mastodon:m.example") == {}
    monkeypatch.setenv("AIRFLOW_VAR_HASHTIDE_X_TOKEN_FILE", "/run/x")
    assert token_files("x mastodon:m.example") == {"HASHTIDE_X_TOKEN_FILE": "/run/x"}


@pytest.mark.parametrize("password", ["", None, "two words", "torn\nline"])
def test_a_connection_without_a_token_is_named_and_its_content_stays_secret(
    monkeypatch: pytest.MonkeyPatch, password: str | None
) -> None:
    connect(monkeypatch, "x", password=password)
    with pytest.raises(ValueError, match=r"^the Airflow connection hashtide_x holds no token, or one with white space"):
        token_files("x")
