"""The command line of a preview."""

import pytest

from previewing.settings import parse_arguments


def test_the_defaults_are_those_of_the_contract() -> None:
    preview = parse_arguments(["--mode", "window", "--bootstrap-servers", "127.0.0.1:9092"])
    assert (preview.source, preview.sink, preview.metric, preview.top) == ("kafka", "console", "hashtag", 20)
    assert (preview.window_s, preview.slide_s, preview.duration_s) == (20, 10, None)


def test_a_path_is_this_machines_where_the_job_runs_here_and_the_clusters_on_yarn() -> None:
    words = ["--mode", "batch", "--source", "file:/data/posts", "--sink", "text:hdfs://n:8020/out"]
    assert parse_arguments([*words, "--master", "local[2]"]).reads.where == "file:///data/posts"
    assert parse_arguments(words).reads.where == "/data/posts"
    assert parse_arguments([*words, "--master", "local[2]"]).writes == ("text", "hdfs://n:8020/out")


def test_the_slide_binds_windows_only() -> None:
    words = ["--mode", "totals", "--source", "file:/a", "--window-s", "20"]
    often, seldom = parse_arguments([*words, "--slide-s", "3"]), parse_arguments([*words, "--slide-s", "30"])
    assert often.pinned == seldom.pinned
    windows = ["--mode", "window", *words[2:]]
    assert parse_arguments([*windows, "--slide-s", "5"]).pinned != parse_arguments([*windows, "--slide-s", "10"]).pinned


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--mode", "all"], "argument --mode: invalid choice"),
        (["--mode", "batch"], "--source kafka needs --bootstrap-servers"),
        (["--mode", "batch", "--source", "tcp:nowhere"], "--source: "),
        (["--mode", "batch", "--source", "file:"], "--source: "),
        (["--mode", "batch", "--source", "file:/a", "--sink", "csv:/b"], "--sink: "),
        (["--mode", "batch", "--source", "file:/a", "--top", "0"], "--top: "),
        (
            ["--mode", "window", "--source", "file:/a", "--slide-s", "15"],
            "a window of 20 s is not a multiple of its slide of 15 s",
        ),
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
    assert f"preview.py: error: {complaint}" in capsys.readouterr().err
