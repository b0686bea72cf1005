"""Every bench runs with what the product installs, and can be tried in seconds."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCHES = sorted((Path(__file__).resolve().parents[1] / "bench").glob("*.py"))
WITHOUT_THE_TESTS_PACKAGES = """
import runpy, sys
sys.modules.update(dict.fromkeys(["pytest", "hypothesis", "yaml"]))
sys.argv[:] = [sys.argv[1], "--help"]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize("bench", BENCHES, ids=lambda path: path.stem)
def test_a_bench_needs_no_package_of_the_tests_and_has_a_tiny_mode(bench: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_THE_TESTS_PACKAGES, str(bench)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "--tiny" in done.stdout
