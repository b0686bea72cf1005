"""The toolchain, which git does not bring: the Python environment, a Java, the daemons' jars.

Imports the standard library only: the launcher uses it before anything is installed.
"""

from stack.toolchain.disk_space import require_disk, require_memory
from stack.toolchain.fetching import Toolchain, default_dir, fetch
from stack.toolchain.report import LineReport, Report, ToolchainError

__all__ = [
    "LineReport",
    "Report",
    "Toolchain",
    "ToolchainError",
    "default_dir",
    "fetch",
    "require_disk",
    "require_memory",
]
