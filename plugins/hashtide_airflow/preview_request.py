"""What a person wants to look at in the posts: validated here, before it can reach a command line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

from airflow.sdk import Param
from pydantic import Field, field_validator, model_validator

from hashtide_airflow.form_policy import require_in_forms_dir
from hashtide_airflow.forms import END, refuse_unknown, validated
from hashtide_airflow.settings import Frozen

if TYPE_CHECKING:
    from airflow.sdk import Context

SOURCE = r"^(kafka|tcp:[A-Za-z0-9._-]+:[0-9]{1,5}|file:/[^\s\x00-\x1f\x7f]+)" + END
OTHER_PATHS = r"[*?\[\]{}\\]|://"  # by these Hadoop would find others than the one that was looked at
MODES, METRICS = ("batch", "totals", "window"), ("hashtag", "word", "author")


def _choice(title: str, description: str, *values: str) -> Param:
    return Param(values[0], type="string", enum=list(values), title=title, description=description)


def _number(value: int, title: str, description: str, most: int) -> Param:
    return Param(value, type="integer", minimum=1, maximum=most, title=title, description=description)


PARAMS = {
    "mode": _choice("Mode", "Each batch by itself, running totals, or a sliding window.", *MODES),
    "source": Param(
        "kafka",
        type="string",
        pattern=SOURCE,
        maxLength=1000,
        title="Source",
        description="kafka (our topic), tcp:HOST:PORT (a line server), or file:/PATH (below the folder of the"
        " variable hashtide_forms_dir).",
    ),
    "metric": _choice("Metric", "What is counted.", *METRICS),
    "top": _number(20, "Top N", "How many are shown.", 1000),
    "window_s": _number(20, "Window, seconds", "In mode window.", 86_400),
    "slide_s": _number(10, "Slide, seconds", "From one window's begin to the next one's; in mode window.", 86_400),
    "seconds": _number(60, "Seconds", "For how long to look.", 3600),
    "words": _choice("Words", "On white space (plain), or without URLs and stop words (clean).", "plain", "clean"),
    "retweets": _choice("Reposts", "Count what they repeat (full), or their own words only (own).", "full", "own"),
}


class PreviewRequest(Frozen):
    """One look, for `seconds`."""

    mode: Literal["batch", "totals", "window"] = "batch"
    source: str = "kafka"
    metric: Literal["hashtag", "word", "author"] = "hashtag"
    top: int = Field(default=20, ge=1, le=1000, strict=True)
    window_s: int = Field(default=20, ge=1, le=86_400, strict=True)
    slide_s: int = Field(default=10, ge=1, le=86_400, strict=True)
    seconds: int = Field(default=60, ge=1, le=3600, strict=True)
    words: Literal["plain", "clean"] = "plain"
    retweets: Literal["full", "own"] = "full"

    @field_validator("source")
    @classmethod
    def _is_source(cls, source: str) -> str:
        if not re.fullmatch(SOURCE, source):
            raise ValueError("neither kafka nor tcp:HOST:PORT nor file:/PATH")
        if source.startswith("file:") and re.search(OTHER_PATHS, source.removeprefix("file:")):
            raise ValueError("one file or folder: no * ? [ ] { } \\ and no :// in its path")
        return source

    @model_validator(mode="after")
    def _slides_within_its_window(self) -> Self:
        if self.slide_s > self.window_s:
            raise ValueError("slide_s is more than window_s: posts between two windows would be in none")
        if self.mode == "window" and self.window_s % self.slide_s:
            raise ValueError("window_s is no multiple of slide_s: a window is made of whole slides")
        return self


def request_of(context: Context) -> PreviewRequest:
    """What this run asks for.

    Raises:
        AirflowFailException: something else than the form's fields, a value that they refuse, or a file outside of
            the forms' folder.
    """
    request = checked(dict(context["params"]), dict(context["dag_run"].conf or {}))
    kind, _, path = request.source.partition(":")
    if kind == "file":
        require_in_forms_dir([path])
    return request


def checked(params: Mapping[str, Any], conf: Mapping[str, Any]) -> PreviewRequest:
    """The request, if it is one.

    Args:
        params: the form's fields, with what the run's conf says laid over them.
        conf: the run's conf; Airflow lets unknown keys pass, we don't.

    Raises:
        AirflowFailException: says what was wrong with which field.
    """
    refuse_unknown(conf, PARAMS)
    return validated(PreviewRequest, {name: params[name] for name in PARAMS if name in params})
