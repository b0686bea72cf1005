"""What report may be asked for on the command line, and how everything else is refused."""

from datetime import date
from pathlib import Path

import pytest

from contract.job_requests import ReportRequest
from report import parse_arguments

DAY = ["--day", "2026-01-31", "--out", "reports"]


@pytest.fixture(autouse=True)
def _books(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HASHTIDE_REPORTER_DSN", "dbname=books")


def asked(*arguments: str) -> ReportRequest:
    return parse_arguments(arguments)[1]


def test_a_day_alone_asks_for_the_top_50_of_everything() -> None:
    everything = ReportRequest(day=date(2026, 1, 31), top=50, source=None, lang=None)
    assert parse_arguments(DAY) == ("dbname=books", everything, Path("reports"))


def test_source_language_and_top_are_taken_as_given() -> None:
    request = asked(*DAY, "--top", "1000", "--source", "x", "--lang", "zh-hant")
    assert request == ReportRequest(day=date(2026, 1, 31), top=1000, source="x", lang="zh-hant")


@pytest.mark.parametrize("day", ["1970-01-01", "1999-12-31", "2024-02-29", "9998-12-31"])
def test_the_days_of_the_calendar_are_taken(day: str) -> None:
    assert asked("--day", day, "--out", "d").day.isoformat() == day


def test_its_arguments_ask_for_the_same_report() -> None:
    request = ReportRequest(day=date(2026, 1, 31), top=7, lang="pt-br")
    assert request.arguments() == ["--day", "2026-01-31", "--top", "7", "--lang", "pt-br"]
    assert asked(*request.arguments(), "--out", "d") == request


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--out", "reports"],
        ["--day", "2026-01-31"],
        *(["--day", day, "--out", "d"] for day in ("2026-02-30", "20260131", "2026-W05-6", "31.01.2026", "", "today")),
        *(
            ["--day", day, "--out", "d"]
            for day in ("2026-01-31'; drop table report", "0001-01-01", "1969-12-31", "9999-12-31")
        ),
        *([*DAY, "--top", top] for top in ("0", "1001", "-5", "5_0", "٥", " 5", "5.0", "1e2", "")),
        *([*DAY, "--source", source] for source in ("X", "twitter", "x' or '1'='1", "../x", "", "hashtide")),
        *([*DAY, "--lang", lang] for lang in ("EN", "e", "english", "en_US", "en-", "../en", "", "en\n", "ｅｎ")),
        [*DAY, "--lang", "en" + "-abcdefgh" * 4],
        [*DAY, "--la", "en"],
        [*DAY, "surplus"],
    ],
)
def test_anything_else_is_refused_in_one_line_with_status_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        parse_arguments(arguments)
    captured = capsys.readouterr()
    assert refused.value.code == 2
    assert captured.err.startswith("report.py: ")
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_every_variant_has_files_of_its_own() -> None:
    day = date(2026, 1, 31)
    requests = [
        ReportRequest(day=day),
        ReportRequest(day=day, top=10),
        ReportRequest(day=day, source="text"),
        ReportRequest(day=day, lang="en"),
        ReportRequest(day=day, top=10, lang="en"),
        ReportRequest(day=day, lang="en-top-10"),
        ReportRequest(day=day, top=10, source="text", lang="en"),
    ]
    assert requests[0].stem == "hashtags"
    assert len({request.stem for request in requests}) == len(requests)
