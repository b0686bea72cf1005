"""The packages that the streaming job is made of, as the zip that goes to YARN."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

OLDEST = (1980, 1, 1, 0, 0, 0)  # zip knows nothing before


def zip_packages(packages: Iterable[Path], target: Path) -> Path:
    """Zip Python packages, the same bytes for the same files: sorted, one date, no byte code.

    Raises:
        FileNotFoundError: one of the folders holds no package.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for package in packages:
            _add(archive, package.resolve())
    return target


def _add(archive: zipfile.ZipFile, package: Path) -> None:
    if not (package / "__init__.py").is_file():
        raise FileNotFoundError(f"{package} is not a Python package")
    for path in sorted(package.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            entry = zipfile.ZipInfo(str(path.relative_to(package.parent)), OLDEST)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())
