"""The parts that the stack is made of and git does not bring: the environment, a Java, the daemons' jars.

Importing this takes the standard library only: the launcher uses it before anything is installed.
"""

from stack.parts.fetching import Parts, default_dir, fetch
from stack.parts.report import LineReport, PartsError, Report
from stack.parts.room import require_disk, require_memory

__all__ = ["LineReport", "Parts", "PartsError", "Report", "default_dir", "fetch", "require_disk", "require_memory"]
