"""Which generation may count: one that the books know, and none before the current one.

Standard library only.
"""

from collections.abc import Mapping

from contract.names import GENERATION

QUERY = "select generation, is_current from generation"
"""One row a registered generation, in Postgres."""


class WrongGenerationError(ValueError):
    """This generation must not count; the message says why and what to do."""


def require_countable(generation: int, registered: Mapping[int, bool]) -> None:
    """Refuses a generation that would count beside the books.

    Args:
        generation: as the Airflow variable has it.
        registered: generation → whether it is the current one.

    Raises:
        WrongGenerationError: nobody has begun it, or reports already read a newer one.
    """
    current = max((each for each, is_current in registered.items() if is_current), default=0)
    if generation in registered and generation >= current:
        return
    why = f"is over, reports read {current}" if generation in registered else "was never begun"
    raise WrongGenerationError(
        f"generation {generation} {why}: set the Airflow variable {GENERATION.name} to {max(registered, default=1)}; "
        "a new generation is begun by `./hashtide recount` (in the containers `hashtide recount`)"
    )
