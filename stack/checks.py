"""`./hashtide test`: every check of the project, in the order in which they fail fastest."""


def run(fast: bool, selected: list[str]) -> int:
    """Runs the checks with live output; `fast` leaves the flow test out, `selected` (pytest paths) replaces the stages.

    Returns:
        The exit status: 0 only if every check passed.
    """
    raise NotImplementedError
