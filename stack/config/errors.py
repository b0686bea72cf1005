"""What goes wrong in the stack, as one line that says what to do."""


class StackError(Exception):
    """A command failed; the message is one line that says why and what to do."""
