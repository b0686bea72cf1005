"""The Dockerfile, as it is read, without building anything."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from stack.config.settings import REPOSITORY

STAGE = re.compile(r"FROM base AS parts\n(.*?)\nRUN python3 ", re.DOTALL)


def test_what_is_copied_before_the_toolchain_is_made_is_all_that_making_it_imports(tmp_path: Path) -> None:
    found = STAGE.search((REPOSITORY / "Dockerfile").read_text())
    assert found
    for line in re.findall(r"^COPY (.*)$", found[1], re.MULTILINE):
        *sources, target = line.split()
        for source in sources:
            here, there = REPOSITORY / source, tmp_path / target
            if here.is_dir():
                shutil.copytree(here, there)
            else:
                there.mkdir(parents=True, exist_ok=True)
                shutil.copy(here, there)
    code = "import stack.toolchain.bootstrap, stack.toolchain.fetching, stack.toolchain.__main__"
    # -S: nothing is installed yet.
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=tmp_path, env={}, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
