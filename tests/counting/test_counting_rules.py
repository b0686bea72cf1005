"""A generation's counting rules: written at its first start, then only compared."""

from pathlib import Path

import pytest

from counting.counting_rules import CountingRules, CountingRulesChanged, pin_rules

FULL, OWN = CountingRules(), CountingRules(retweets="own", words="clean", dedup_window_min=30)


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


def test_the_first_start_writes_the_rules_and_the_same_may_start_again(tmp_path: Path) -> None:
    files = FolderFiles(tmp_path)
    pin_rules(files, "settings", OWN, is_new=True)  # type: ignore[arg-type]
    assert (tmp_path / "settings").read_text() == '{"retweets": "own", "words": "clean", "dedup_window_min": 30}'
    pin_rules(files, "settings", OWN, is_new=False)  # type: ignore[arg-type]


def test_a_first_start_killed_while_writing_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "settings").touch()
    pin_rules(FolderFiles(tmp_path), "settings", OWN, is_new=True)  # type: ignore[arg-type]
    assert CountingRules.model_validate_json((tmp_path / "settings").read_text()) == OWN


@pytest.mark.parametrize("is_new", [True, False])
def test_other_rules_are_refused_and_both_are_named(tmp_path: Path, *, is_new: bool) -> None:
    files = FolderFiles(tmp_path)
    pin_rules(files, "settings", OWN, is_new=True)  # type: ignore[arg-type]
    with pytest.raises(
        CountingRulesChanged,
        match="--retweets own --words clean --dedup-window-min 30, but was asked for --retweets full --words plain ",
    ):
        pin_rules(files, "settings", FULL, is_new=is_new)  # type: ignore[arg-type]


def test_a_generation_without_written_rules_follows_the_defaults(tmp_path: Path) -> None:
    files = FolderFiles(tmp_path)
    pin_rules(files, "settings", FULL, is_new=False)  # type: ignore[arg-type]
    assert not files.exists("settings")
    with pytest.raises(CountingRulesChanged):
        pin_rules(files, "settings", OWN, is_new=False)  # type: ignore[arg-type]


def test_rules_of_an_older_version_have_the_default_dedup_window(tmp_path: Path) -> None:
    (tmp_path / "settings").write_text('{"retweets": "full", "words": "plain"}')
    files = FolderFiles(tmp_path)
    pin_rules(files, "settings", FULL, is_new=False)  # type: ignore[arg-type]
    shorter = CountingRules(dedup_window_min=60)
    with pytest.raises(CountingRulesChanged, match=r"--dedup-window-min 120, .* --dedup-window-min 60"):
        pin_rules(files, "settings", shorter, is_new=False)  # type: ignore[arg-type]
