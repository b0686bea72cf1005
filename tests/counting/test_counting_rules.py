"""What a generation's counts mean: kept at its first start, then only checked."""

from pathlib import Path

import pytest

from counting.counting_rules import CountingRules, CountingRulesChanged, hold

FULL, OWN = CountingRules(), CountingRules(retweets="own", words="clean")


class FolderFiles:
    """counting.files.Files, as far as it is used here, on a local folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def exists(self, path: str) -> bool:
        return (self._folder / path).exists()

    def read_text(self, path: str) -> str:
        return (self._folder / path).read_text()

    def delete(self, path: str) -> None:
        (self._folder / path).unlink(missing_ok=True)

    def write_text(self, path: str, text: str) -> None:
        with (self._folder / path).open("x") as file:
            file.write(text)


def test_the_first_start_decides_and_the_same_may_come_again(tmp_path: Path) -> None:
    files = FolderFiles(tmp_path)
    hold(files, "settings", OWN, is_new=True)  # type: ignore[arg-type]
    assert (tmp_path / "settings").read_text() == '{"retweets": "own", "words": "clean"}'
    hold(files, "settings", OWN, is_new=False)  # type: ignore[arg-type]


def test_a_first_start_that_was_killed_while_it_wrote_is_no_start(tmp_path: Path) -> None:
    (tmp_path / "settings").touch()
    hold(FolderFiles(tmp_path), "settings", OWN, is_new=True)  # type: ignore[arg-type]
    assert CountingRules.model_validate_json((tmp_path / "settings").read_text()) == OWN


@pytest.mark.parametrize("is_new", [True, False])
def test_another_meaning_is_refused_with_both_named(tmp_path: Path, *, is_new: bool) -> None:
    files = FolderFiles(tmp_path)
    hold(files, "settings", OWN, is_new=True)  # type: ignore[arg-type]
    with pytest.raises(
        CountingRulesChanged, match="--retweets own --words clean, asked for is --retweets full --words plain"
    ):
        hold(files, "settings", FULL, is_new=is_new)  # type: ignore[arg-type]


def test_a_generation_from_before_there_was_a_choice_counts_as_the_defaults_say(tmp_path: Path) -> None:
    files = FolderFiles(tmp_path)
    hold(files, "settings", FULL, is_new=False)  # type: ignore[arg-type]
    assert not files.exists("settings")
    with pytest.raises(CountingRulesChanged):
        hold(files, "settings", OWN, is_new=False)  # type: ignore[arg-type]
