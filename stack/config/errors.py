"""What goes wrong in the stack, as one line that says what to do."""


class StackError(Exception):
    """The stack can't go on; the message is one line that says what to do about it."""
