"""Files with tokens: only their paths go on, and only where nobody else can read them."""

import re
from pathlib import Path

import pytest

from stack.config.errors import StackError
from stack.config.settings import StackSettings
from stack.config.token_files import token_files


def test_without_any_there_is_nothing_to_tell() -> None:
    assert token_files(StackSettings()) == {}


def test_the_environment_names_them_and_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").write_text("canary")
    (tmp_path / "x").chmod(0o400)
    monkeypatch.setenv("HASHTIDE_X_TOKEN_FILE", "x")
    assert token_files(StackSettings()) == {"hashtide_x_token_file": f"{tmp_path}/x"}


@pytest.mark.parametrize(
    ("text", "mode", "why"),
    [
        (None, 0o600, "can't be read: No such file or directory"),
        ("", 0o600, "is not a file with a token"),
        ("canary", 0o640, "others may read"),
        ("canary", 0o604, "others may read"),
    ],
)
def test_what_is_no_private_file_is_refused_without_its_text(
    tmp_path: Path, text: str | None, mode: int, why: str
) -> None:
    path = tmp_path / "token"
    if text is not None:
        path.write_text(text)
        path.chmod(mode)
    with pytest.raises(StackError, match=f"HASHTIDE_MASTODON_TOKEN_FILE: .*{re.escape(why)}") as refused:
        token_files(StackSettings(mastodon_token_file=path))
    assert "canary" not in str(refused.value)
