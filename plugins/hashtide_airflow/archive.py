"""The counting package as the zip that goes to YARN."""

from __future__ import annotations

import zipfile
from pathlib import Path

OLDEST = (1980, 1, 1, 0, 0, 0)  # zip knows nothing before


def zip_package(package: Path, target: Path) -> Path:
    """Zip a Python package, the same bytes for the same files: sorted, one date, no byte code.

    Raises:
        FileNotFoundError: the folder holds no package.
    """
    if not (package / "__init__.py").is_file():
        raise FileNotFoundError(f"{package} is not a Python package")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(package.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                entry = zipfile.ZipInfo(str(path.relative_to(package.parent)), OLDEST)
                entry.external_attr = 0o644 << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, path.read_bytes())
    return target
