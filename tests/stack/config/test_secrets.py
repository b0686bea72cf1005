"""Secrets: made once, at random, for their owner only."""

import base64
import os
import stat
from pathlib import Path

import pytest

from stack.config.secrets import Secrets, write_private
from stack.config.state_directory import StateDirectory


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    home = StateDirectory(tmp_path / "home")
    home.make()
    found = Secrets(home)
    found.ensure()
    return found


def test_each_secret_is_readable_by_its_owner_only(secrets: Secrets) -> None:
    folder = secrets.admin_login_file.parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_secrets_stay_the_same_once_made(secrets: Secrets) -> None:
    before = secrets["hashtide_reader"], secrets.admin_login()
    assert secrets.ensure() is False
    assert (secrets["hashtide_reader"], secrets.admin_login()) == before


def test_no_two_secrets_are_alike(secrets: Secrets) -> None:
    texts = [path.read_text() for path in secrets.admin_login_file.parent.iterdir()]
    assert len(set(texts)) == len(texts)


def test_the_fernet_key_is_one_and_the_jwt_secret_is_long_enough_for_hs512(secrets: Secrets) -> None:
    assert len(base64.urlsafe_b64decode(secrets["airflow_fernet_key"])) == 32
    assert len(secrets["airflow_jwt_secret"].encode()) >= 64


def test_a_private_file_is_private_from_the_start_even_over_one_that_was_not(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_what_a_killed_writer_left_aside_is_removed_at_the_next_write(tmp_path: Path) -> None:
    left = tmp_path / ".other.0123abcd.tmp"
    left.write_text("half")
    os.utime(left, (0, 0))
    write_private(tmp_path / "name", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["name"]
