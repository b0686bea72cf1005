"""A settings class as a command line, there and back."""

from datetime import date
from pathlib import Path
from typing import ClassVar, Literal

import pytest
from pydantic import Field

from contract.job import JobParser
from contract.options import Options


class Sample(Options):
    former_options: ClassVar[dict[str, str]] = {"window_s": "--span-s"}

    day: date = Field(description="the day")
    mode: Literal["a", "b"] = "a"
    window_s: int = Field(default=20, ge=1, strict=True)
    share: float | None = None
    file: Path | None = None
    only: bool = False


def parsed(*arguments: str) -> Sample:
    parser = JobParser("sample.py", None)
    Sample.add_to(parser)
    return Sample.given(parser, parser.parse_args(arguments))


def test_what_is_not_given_has_its_default() -> None:
    assert parsed("--day", "2026-01-31") == Sample(day=date(2026, 1, 31))


def test_the_rendered_arguments_are_parsed_to_the_same() -> None:
    settings = Sample(day=date(2026, 1, 31), mode="b", window_s=5, share=0.25, file=Path("/a b"), only=True)
    assert settings.arguments() == [
        *("--day", "2026-01-31", "--mode", "b", "--window-s", "5"),
        *("--share", "0.25", "--file", "/a b", "--only"),
    ]
    assert parsed(*settings.arguments()) == settings


def test_an_option_without_a_value_and_an_unset_flag_are_left_out() -> None:
    assert Sample(day=date(2026, 1, 31), share=60).arguments()[-2:] == ["--share", "60"]
    assert "--only" not in Sample(day=date(2026, 1, 31)).arguments()


def test_an_options_former_name_is_understood() -> None:
    assert parsed("--day", "2026-01-31", "--span-s", "7").window_s == 7


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "the following arguments are required: --day"),
        (["--day", "today"], "--day: "),
        (["--day", "2026-01-31", "--window-s", "0"], "--window-s: Input should be greater than or equal to 1"),
        (["--day", "2026-01-31", "--window-s", "5_0"], "argument --window-s/--span-s: '5_0' is not a whole number"),
        (["--day", "2026-01-31", "--window-s", "٥"], "argument --window-s/--span-s: '٥' is not a whole number"),
        (["--day", "2026-01-31", "--mode", "c"], "argument --mode: invalid choice: 'c'"),
        (["--day", "today", "--window-s", "0"], "; --window-s: "),
    ],
)
def test_a_wrong_value_is_one_line_that_names_its_option(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed(*arguments)
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.startswith("sample.py: error: ")
    assert complaint in said
    assert said.count("\n") == 1
