"""The zip that goes to YARN."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from hashtide_airflow.archive import zip_packages
from hashtide_airflow.settings import JOBS, STREAMING_PACKAGES


def package(folder: Path) -> Path:
    (folder / "counting" / "inner").mkdir(parents=True)
    (folder / "counting" / "__pycache__").mkdir()
    for name in ("__init__.py", "b.py", "a.py", "inner/__init__.py", "__pycache__/a.pyc"):
        (folder / "counting" / name).write_text(f"# {name}\n")
    return folder / "counting"


def test_the_same_files_make_the_same_bytes_whenever_they_were_written(tmp_path: Path) -> None:
    first = zip_packages([package(tmp_path / "1")], tmp_path / "1.zip")
    again = package(tmp_path / "2")
    os.utime(again / "a.py", (0, 0))
    assert zip_packages([again], tmp_path / "2.zip").read_bytes() == first.read_bytes()


def test_the_package_is_at_the_top_without_byte_code(tmp_path: Path) -> None:
    names = zipfile.ZipFile(zip_packages([package(tmp_path)], tmp_path / "z.zip")).namelist()
    assert names == ["counting/__init__.py", "counting/a.py", "counting/b.py", "counting/inner/__init__.py"]


def test_the_streaming_job_imports_nothing_of_ours_that_is_not_in_its_zip(tmp_path: Path) -> None:
    path = zip_packages([JOBS / name for name in STREAMING_PACKAGES], tmp_path / "z.zip")
    code = "import counting.query, counting.records, counting.watch, contract, formats; print(formats.__file__)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == f"{path}/formats/__init__.py"


def test_a_folder_that_is_no_package_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="not a Python package"):
        zip_packages([tmp_path], tmp_path / "z.zip")
