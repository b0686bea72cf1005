"""The mutants: single changes to the product, each with the tests that must fail. One TOML file a stage."""

import re
import tomllib
from pathlib import Path
from typing import NamedTuple

CHECKOUT = Path(__file__).parents[2]


class Stale(ValueError):  # noqa: N818 - it says what is the matter
    """A mutant no longer fits the code or the tests. The message names it and says what to do."""


class Mutant(NamedTuple):
    """One change.

    Attributes:
        breaks: what it breaks, for readers; its name.
        file: the file that it changes, from the checkout's root.
        old, new: the text there, which it must have exactly once, and what stands there instead.
        tests: pytest ids, without parameters; at least one must fail.
    """

    breaks: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def applied_to(self, text: str) -> str:
        """The file's text with the change.

        Raises:
            Stale: the old text is not there exactly once.
        """
        found = text.count(self.old)
        if found != 1:
            raise Stale(f"mutant {self.breaks!r}: its old text stands {found} times in {self.file}, not once: mend it")
        return text.replace(self.old, self.new)


def mutants() -> list[Mutant]:
    """All of them, in the order of the files' names."""
    tables = [tomllib.loads(path.read_text("utf-8")) for path in sorted(Path(__file__).parent.glob("*.toml"))]
    return [Mutant(**entry | {"tests": tuple(entry["tests"])}) for table in tables for entry in table["mutant"]]


def check(mutant: Mutant) -> None:
    """Raises Stale where the mutant changes nothing, or its file or one of its tests is gone."""
    path = CHECKOUT / mutant.file
    if not path.is_file():
        raise Stale(f"mutant {mutant.breaks!r}: there is no {mutant.file}")
    changed = mutant.applied_to(path.read_text("utf-8"))
    if mutant.old == mutant.new:
        raise Stale(f"mutant {mutant.breaks!r} changes nothing")
    if path.suffix == ".py":
        compile(changed, mutant.file, "exec")
    for test in mutant.tests:
        where, _, name = test.partition("::")
        there = CHECKOUT / where
        if not there.is_file() or not re.search(rf"^(async )?def {name}\(", there.read_text("utf-8"), re.MULTILINE):
            raise Stale(f"mutant {mutant.breaks!r}: there is no test {test}")
