"""The mutants fit the code and the tests as they are. That they are caught: `python -m tests.mutants`."""

from pathlib import Path

import pytest

from tests.mutants.__main__ import part, try_all, try_one
from tests.mutants.table import Mutant, Stale, check, mutants


@pytest.mark.parametrize("mutant", mutants(), ids=lambda mutant: mutant.breaks)
def test_a_mutant_fits_exactly_one_place_and_its_tests_are_there(mutant: Mutant) -> None:
    check(mutant)


def test_there_are_at_least_fifty_and_each_has_a_name_of_its_own() -> None:
    names = [mutant.breaks for mutant in mutants()]
    assert len(set(names)) == len(names) >= 50


def test_a_stale_mutant_is_refused_by_name() -> None:
    good = mutants()[0]
    for stale, why in [
        (good._replace(old="no such text"), "stands 0 times"),
        (good._replace(old="\n"), "stands [0-9]+ times"),
        (good._replace(new=good.old), "changes nothing"),
        (good._replace(file="jobs/gone.py"), "no jobs/gone.py"),
        (good._replace(tests=("tests/mutants/test_mutants.py::test_gone",)), "no test tests/mutants"),
    ]:
        with pytest.raises(Stale, match=why):
            check(stale)


def test_a_mutant_is_caught_if_its_test_fails_and_the_file_is_as_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "product.py").write_text("ONE = 1\nTWO = 2\n")
    (tmp_path / "test_it.py").write_text("import product\ndef test_one(): assert product.ONE == 1\n")
    one = Mutant("one is wrong", "product.py", "ONE = 1", "ONE = 3", ("test_it.py::test_one",))
    two = Mutant("two is wrong", "product.py", "TWO = 2", "TWO = 3", ("test_it.py::test_one",))
    absent = two._replace(breaks="nothing tests it", tests=("test_it.py::test_two",))
    assert try_all(tmp_path, [one]) == 0
    assert [try_one(tmp_path, each) for each in (two, absent)] == [False, False]
    assert (tmp_path / "product.py").read_text() == "ONE = 1\nTWO = 2\n"
    written = capsys.readouterr().out
    assert "1 mutants tried, 1 caught, 0 not" in written
    assert "SURVIVED" in written
    assert "BROKEN (pytest's status 4)" in written


def test_without_a_mutant_the_tests_must_pass(tmp_path: Path) -> None:
    (tmp_path / "product.py").write_text("ONE = 1\n")
    (tmp_path / "test_it.py").write_text("def test_one(): assert False\n")
    assert try_all(tmp_path, [Mutant("one is wrong", "product.py", "1", "2", ("test_it.py::test_one",))]) == 1


def test_the_parts_together_are_all_of_them() -> None:
    parts = [part(mutants(), f"{number}/10") for number in range(1, 11)]
    assert sorted(mutant for each in parts for mutant in each) == sorted(mutants())
    assert part(mutants(), "today/10") in parts
