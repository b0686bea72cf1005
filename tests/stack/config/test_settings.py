"""StackSettings: options before the environment before the defaults; what is refused is named."""

from pathlib import Path

import pytest

from stack.config.errors import StackError
from stack.config.settings import REPOSITORY, StackSettings


def test_an_option_goes_before_the_environment_before_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HASHTIDE_HOME", raising=False)
    assert StackSettings.read().home == REPOSITORY / ".hashtide"
    monkeypatch.setenv("HASHTIDE_HOME", str(tmp_path / "a"))
    assert StackSettings.read(home=None).home == tmp_path / "a"
    assert StackSettings.read(home=tmp_path / "b").home == tmp_path / "b"


def test_a_value_that_is_refused_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HASHTIDE_TRIGGER_INTERVAL_S", "0")
    with pytest.raises(StackError, match="HASHTIDE_TRIGGER_INTERVAL_S"):
        StackSettings.read()


def test_a_refused_value_which_may_be_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HASHTIDE_KAFKA_HEAP_MB", "hunter2")
    with pytest.raises(StackError) as error:
        StackSettings.read()
    assert "hunter2" not in str(error.value)


def test_every_setting_is_in_the_table_of_operations_md() -> None:
    table = (REPOSITORY / "docs" / "operations.md").read_text()
    missing = [name for name in StackSettings.model_fields if f"`HASHTIDE_{name.upper()}`" not in table]
    assert missing == []
