"""`python -m stack.toolchain`: fetches the toolchain and prints its paths, without starting anything."""

import sys

from stack.toolchain import LineReport, ToolchainError, default_dir, fetch

if __name__ == "__main__":
    report = LineReport()
    try:
        parts = fetch(default_dir(), report)
    except ToolchainError as error:
        report.broke_off()
        sys.exit(f"hashtide: {error}")
    sys.stdout.write(f"python {parts.python}\njava   {parts.java_home}\njars   {parts.jars}\n")
