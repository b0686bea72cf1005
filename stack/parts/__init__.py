"""The parts that the stack is made of and pip does not bring: a Java and the daemons' jars."""

from stack.parts.fetching import Parts, PartsError, Report, fetch

__all__ = ["Parts", "PartsError", "Report", "fetch"]
