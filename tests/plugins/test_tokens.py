"""A token is in a file that only its owner reads, and nowhere else."""

import json
import stat
from pathlib import Path

import pytest

from hashtide_airflow import tokens

CANARY = "canary-0123456789"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tokens, "FOLDER", tmp_path / "secrets")
    return tmp_path / "secrets"


def connect(monkeypatch: pytest.MonkeyPatch, network: str, **values: object) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_HASHTIDE_{network.upper()}", json.dumps({"conn_type": "http", **values}))


def test_xs_token_is_a_file_of_mode_0400(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, "x", password=CANARY)
    for _ in range(2):  # and again, over the one that is there
        assert tokens.token_files("x:terms=rain") == {"HASHTIDE_X_TOKEN_FILE": f"{folder}/x_token"}
    assert (folder / "x_token").read_text() == CANARY + "\n"
    assert stat.S_IMODE((folder / "x_token").stat().st_mode) == 0o400
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [path.name for path in folder.iterdir()] == ["x_token"]


def test_a_source_that_needs_none_gets_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, "x", password=CANARY)
    assert tokens.token_files("jetstream file:/x.jsonl") == {}
    assert not folder.exists()


def test_mastodons_are_a_line_a_server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, "mastodon", password="for-all", extra={"m.example": CANARY})
    found = tokens.token_files("mastodon:m.example,https://o.example/ x")
    assert found == {"HASHTIDE_MASTODON_TOKEN_FILE": f"{folder}/mastodon_token"}
    assert (folder / "mastodon_token").read_text() == f"m.example {CANARY}\no.example for-all\n"


def test_a_server_that_a_form_named_does_not_get_the_token_for_all(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, "mastodon", password=CANARY, extra={"m.example": "its-own"})
    tokens.token_files("mastodon:evil.example", named_by_form=True)
    assert (folder / "mastodon_token").read_text() == "m.example its-own\n"


def test_without_a_connection_the_file_that_up_was_told_of_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tokens.token_files("x mastodon:m.example") == {}
    monkeypatch.setenv("AIRFLOW_VAR_HASHTIDE_X_TOKEN_FILE", "/run/x")
    assert tokens.token_files("x mastodon:m.example") == {"HASHTIDE_X_TOKEN_FILE": "/run/x"}


@pytest.mark.parametrize("password", ["", None, "two words", "torn\nline"])
def test_a_connection_without_a_token_is_named_and_nothing_of_it_is_told(
    monkeypatch: pytest.MonkeyPatch, password: str | None
) -> None:
    connect(monkeypatch, "x", password=password)
    with pytest.raises(ValueError, match=r"^the Airflow connection hashtide_x holds no token, or one with white space"):
        tokens.token_files("x")
