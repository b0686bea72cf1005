"""Which generation may count."""

import pytest

from contract.generations import WrongGenerationError, require_countable


@pytest.mark.parametrize("generation", [2, 3])
def test_the_current_one_and_those_begun_after_it_may_count(generation: int) -> None:
    require_countable(generation, {1: False, 2: True, 3: False})


def test_one_that_nobody_began_is_refused_with_the_way_out() -> None:
    with pytest.raises(WrongGenerationError, match=r"generation 7 was never begun: .*_generation to 3; .*recount"):
        require_countable(7, {1: False, 2: True, 3: False})


def test_one_before_the_current_one_is_over() -> None:
    with pytest.raises(WrongGenerationError, match=r"generation 1 is over, reports read 2: .*hashtide_generation to 2"):
        require_countable(1, {1: False, 2: True})
