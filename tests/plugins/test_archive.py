"""The zip that goes to YARN."""

import os
import zipfile
from pathlib import Path

import pytest

from hashtide_airflow.archive import zip_package
from hashtide_airflow.settings import JOBS


def package(folder: Path) -> Path:
    (folder / "counting" / "formats").mkdir(parents=True)
    (folder / "counting" / "__pycache__").mkdir()
    for name in ("__init__.py", "b.py", "a.py", "formats/__init__.py", "__pycache__/a.pyc"):
        (folder / "counting" / name).write_text(f"# {name}\n")
    return folder / "counting"


def test_the_same_files_make_the_same_bytes_whenever_they_were_written(tmp_path: Path) -> None:
    first = zip_package(package(tmp_path / "1"), tmp_path / "1.zip")
    again = package(tmp_path / "2")
    os.utime(again / "a.py", (0, 0))
    assert zip_package(again, tmp_path / "2.zip").read_bytes() == first.read_bytes()


def test_the_package_is_at_the_top_without_byte_code(tmp_path: Path) -> None:
    names = zipfile.ZipFile(zip_package(package(tmp_path), tmp_path / "z.zip")).namelist()
    assert names == ["counting/__init__.py", "counting/a.py", "counting/b.py", "counting/formats/__init__.py"]


def test_the_real_one_can_be_imported_from(tmp_path: Path) -> None:
    assert "counting/formats/__init__.py" in zipfile.ZipFile(zip_package(JOBS / "counting", tmp_path / "z")).namelist()


def test_a_folder_that_is_no_package_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="not a Python package"):
        zip_package(tmp_path, tmp_path / "z.zip")
