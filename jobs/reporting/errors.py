"""Errors of a report."""


class ReportError(Exception):
    """The report cannot be made; the message is one line that says what to do."""
