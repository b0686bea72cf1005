"""The drawing that needs no library."""

import io

import pytest

from stack.toolchain import LineReport, report


class Terminal(io.StringIO):
    """Text that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_in_a_log_each_step_has_a_line_at_its_start_and_its_end() -> None:
    out = io.StringIO()
    told = LineReport(out)
    told.started("jars", 2_000_000)
    told.advanced("jars", 1_000_000)
    told.done("jars", "2 fetched")
    assert out.getvalue() == f"… jars\n✓ {'jars':<28}    0.0 s  2 fetched\n"


def test_a_long_step_in_a_log_says_from_time_to_time_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "PLAIN_INTERVAL_S", 0.0)
    out = io.StringIO()
    told = LineReport(out)
    told.started("jars", 2_000_000)
    told.advanced("jars", 1_000_000)
    assert "… jars · 1 of 2 MB · 0 s\n" in out.getvalue()


def test_on_a_terminal_one_line_is_drawn_over_and_cleared() -> None:
    out = Terminal()
    told = LineReport(out)
    told.started("jars")
    told.broke_off()
    assert out.getvalue().count("\n") == 0
    assert out.getvalue().endswith("\r\x1b[2K")
