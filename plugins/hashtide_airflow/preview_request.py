"""The form of a preview: checked before it can reach a command line. A form may ask for less than the command line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from airflow.sdk.exceptions import AirflowFailException

from contract.job_requests import PreviewRequest
from hashtide_airflow.form_policy import require_in_forms_dir
from hashtide_airflow.forms import END, checked_fields, params_of, refuse_unknown, validated

if TYPE_CHECKING:
    from airflow.sdk import Context

SOURCE = r"^(kafka|tcp:[A-Za-z0-9._-]+:[0-9]{1,5}|file:/[^\s\x00-\x1f\x7f]+)" + END
OTHER_PATHS = r"[*?\[\]{}\\]|://"  # Hadoop would resolve these to other files than the one that was checked

_FIELDS = params_of(
    PreviewRequest,
    source={
        "pattern": SOURCE,
        "maxLength": 1000,
        "description": "One of kafka (our topic), tcp:HOST:PORT (a line server), file:/PATH (below the folder of the"
        " variable hashtide_forms_dir).",
    },
    top={"maximum": 1000, "description": "How many are shown."},
    window_s={"maximum": 86_400, "description": "In mode window."},
    slide_s={"maximum": 86_400, "description": "From one window's begin to the next one's; in mode window."},
    duration_s={"type": "integer", "minimum": 1, "maximum": 3600, "default": 60, "description": "For how long."},
)
PARAMS = {"seconds" if name == "duration_s" else name: field for name, field in _FIELDS.items()}


def request_of(context: Context) -> PreviewRequest:
    """What this run asks for.

    Raises:
        AirflowFailException: something else than the form's fields, a value that they refuse, or a file outside of
            the forms' folder.
    """
    request = checked(dict(context["params"]), dict(context["dag_run"].conf or {}))
    kind, _, path = request.source.partition(":")
    if kind == "file":
        require_in_forms_dir([path, unquote(path)])  # not every reader decodes
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
    fields = checked_fields(params, PARAMS)
    fields["duration_s"] = fields.pop("seconds")
    request = validated(PreviewRequest, fields)
    if request.source.startswith("file:") and re.search(OTHER_PATHS, request.source.removeprefix("file:")):
        raise AirflowFailException("refused: source: one file or folder: no * ? [ ] { } \\ and no :// in its path")
    if request.slide_s > request.window_s:
        raise AirflowFailException("refused: slide_s is more than window_s: posts between two windows would be in none")
    return request
