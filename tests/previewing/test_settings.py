"""The command line of a look."""

import pytest

from previewing.settings import parse_arguments


def test_the_defaults_are_those_of_the_contract() -> None:
    look = parse_arguments(["--mode", "window", "--bootstrap-servers", "127.0.0.1:9092"])
    assert (look.source, look.sink, look.metric, look.top) == ("kafka", "console", "hashtag", 20)
    assert (look.window_s, look.slide_s, look.duration_s) == (20, 10, None)


def test_a_path_is_this_machines_where_the_job_runs_here_and_the_clusters_on_yarn() -> None:
    words = ["--mode", "batch", "--source", "file:/data/posts", "--sink", "text:hdfs://n:8020/out"]
    assert parse_arguments([*words, "--master", "local[2]"]).reads.place == "file:///data/posts"
    assert parse_arguments(words).reads.place == "/data/posts"
    assert parse_arguments([*words, "--master", "local[2]"]).writes == ("text", "hdfs://n:8020/out")


def test_the_slide_binds_windows_only() -> None:
    words = ["--mode", "totals", "--source", "file:/a", "--window-s", "20"]
    often, seldom = parse_arguments([*words, "--slide-s", "3"]), parse_arguments([*words, "--slide-s", "30"])
    assert often.held == seldom.held
    windows = ["--mode", "window", *words[2:]]
    assert parse_arguments([*windows, "--slide-s", "5"]).held != parse_arguments([*windows, "--slide-s", "10"]).held


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--mode", "all"], "argument --mode: invalid choice"),
        (["--mode", "batch"], "--source kafka needs --bootstrap-servers"),
        (["--mode", "batch", "--source", "tcp:nowhere"], "--source: "),
        (["--mode", "batch", "--source", "file:"], "--source: "),
        (["--mode", "batch", "--source", "file:/a", "--sink", "csv:/b"], "--sink: "),
        (["--mode", "batch", "--source", "file:/a", "--top", "0"], "--top: "),
        (["--mode", "window", "--source", "file:/a", "--slide-s", "15"], "--window-s must be a multiple of --slide-s"),
        (
            ["--mode", "totals", "--source", "tcp:h:1", "--until-caught-up"],
            "--until-caught-up: a line server has no end",
        ),
    ],
)
def test_a_wrong_argument_is_one_clear_line_and_status_2(
    options: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_arguments(options)
    assert ended.value.code == 2
    assert f"count.py: error: {complaint}" in capsys.readouterr().err
