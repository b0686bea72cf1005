"""The bearer token's file."""

from pathlib import Path

import pytest

from collecting.source_api import SourceError
from collecting.sources.x.token import read_token
from tests.collecting.sources.x.x_reading import CANARY, give_token


@pytest.mark.parametrize("mode", [0o400, 0o600])
def test_a_file_that_only_its_owner_reads_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int) -> None:
    give_token(tmp_path, monkeypatch).chmod(mode)
    assert read_token() == CANARY


@pytest.mark.parametrize("mode", [0o444, 0o640, 0o644, 0o700, 0o777, 0o4400])
def test_a_file_that_others_might_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int) -> None:
    give_token(tmp_path, monkeypatch).chmod(mode)
    with pytest.raises(SourceError, match=f"mode {mode:04o}; a token's file must have 0400 or 0600"):
        read_token()


@pytest.mark.parametrize("content", ["", "\n", "two words", "two\nlines", f"Bearer {CANARY}", "é", "a" * 5000, '"a"'])
def test_what_is_no_token_is_refused_and_not_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    give_token(tmp_path, monkeypatch, content)
    with pytest.raises(SourceError, match="holds no bearer token") as caught:
        read_token()
    assert not content.strip() or content not in str(caught.value)


def test_without_a_file_it_says_which_variable_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HASHTIDE_X_TOKEN_FILE", raising=False)
    with pytest.raises(SourceError, match="HASHTIDE_X_TOKEN_FILE"):
        read_token()
    monkeypatch.setenv("HASHTIDE_X_TOKEN_FILE", str(tmp_path / "none"))
    with pytest.raises(SourceError, match="No such file"):
        read_token()
    monkeypatch.setenv("HASHTIDE_X_TOKEN_FILE", str(tmp_path))
    with pytest.raises(SourceError, match="directory"):
        read_token()
