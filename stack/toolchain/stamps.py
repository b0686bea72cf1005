"""Stamps: the file that says that a folder of the toolchain is complete, and from what it was made."""

import os
from pathlib import Path

from contract.files import write_atomically


def write(path: Path, text: str) -> None:
    """Writes a stamp once all that it vouches for is on the disk: a power cut may leave files of any program empty."""
    os.sync()
    write_atomically(path, text, durably=True)
