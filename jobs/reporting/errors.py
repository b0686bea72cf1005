"""What goes wrong with a report."""


class ReportError(Exception):
    """The report can't be made; the message is one line that says what to do."""
