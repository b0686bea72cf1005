"""What a person asks to have collected in a run by hand: validated here, before it can reach a command line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowFailException
from pydantic import BeforeValidator, Field, field_validator

from contract.source_address import SourceAddress
from hashtide_airflow.form_policy import NOT_BY_FORM, as_allowed, kinds_for_forms, require_for_forms
from hashtide_airflow.forms import END, refuse_unknown, validated
from hashtide_airflow.settings import Frozen

if TYPE_CHECKING:
    from airflow.sdk import Context

# So that the form itself refuses most of what is wrong; what decides is the parsed address (`require_for_forms`).
SOURCE = rf"^(?!.*[:,]({'|'.join(NOT_BY_FORM)})=)({'|'.join(kinds_for_forms())})(:[^\s\x00-\x1f\x7f]+)?{END}"
LISTED = rf"^[^\x00-\x1f\x7f]+{END}"
LANGS = rf"^[a-z]{{2,3}}(-[a-z0-9]{{2,8}})*( *, *[a-z]{{2,3}}(-[a-z0-9]{{2,8}})*)*{END}"
NUMBER = r"-?[0-9]{1,3}(\.[0-9]{1,8})?"
BOX = rf"^{NUMBER}( *, *{NUMBER}){{3}}{END}"


def _text(title: str, description: str, pattern: str, longest: int = 500) -> Param:
    kind = ["null", "string"]
    return Param(None, type=kind, pattern=pattern, maxLength=longest, title=title, description=description)


PARAMS = {
    "source": _text(
        "Source",
        "An address: jetstream, x:terms=rain (within the usual source's budget), file:/PATH (only below the folder of"
        " the variable hashtide_forms_dir), … Empty: the usual source. Afterwards the usual source resumes.",
        SOURCE,
    ),
    "limit": Param(
        None,
        type=["null", "integer"],
        minimum=1,
        title="Limit",
        description="Stop after so many posts; of one source only.",
    ),
    "minutes": Param(
        None, type=["null", "integer"], minimum=1, maximum=1440, title="Minutes", description="Stop after so long."
    ),
    "terms": _text("Terms", "Only posts with one of these, commas between.", LISTED),
    "hashtags": _text("Hashtags", "Or one of these hashtags, without #, commas between.", LISTED),
    "langs": _text("Languages", "Only posts in one of these: en, pt-br, commas between.", LANGS),
    "box": _text("Box", "Only posts from within: west, south, east, north in degrees.", BOX),
    "located_only": Param(False, type="boolean", title="Located only", description="Only authors who give a location."),
}


def _address(source: object) -> SourceAddress | None:
    if source is None:
        return None
    if not isinstance(source, str) or re.search(r"[\s\x00-\x1f\x7f]", source):
        raise ValueError("not one address without white space; in a path it is written %20")
    address = SourceAddress.parse(source)
    require_for_forms(address)
    return address


class CollectRequest(Frozen):
    """One run's own source.

    Attributes:
        source: what to collect; None: what the variable says.
        minutes: the longest time; None is one supervision run.
    """

    source: Annotated[SourceAddress | None, BeforeValidator(_address)] = None
    limit: int | None = Field(default=None, ge=1, strict=True)
    minutes: int | None = Field(default=None, ge=1, le=1440, strict=True)
    terms: tuple[str, ...] = ()
    hashtags: tuple[str, ...] = ()
    langs: tuple[str, ...] = ()
    box: tuple[float, ...] = ()
    located_only: bool = Field(default=False, strict=True)

    @field_validator("terms", "hashtags")
    @classmethod
    def _are_text(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        if not all(re.fullmatch(LISTED, value) for value in values):
            raise ValueError("control characters")
        return values

    @field_validator("langs")
    @classmethod
    def _are_languages(cls, langs: tuple[str, ...]) -> tuple[str, ...]:
        if not all(re.fullmatch(LANGS, lang) for lang in langs):
            raise ValueError("not a language tag")
        return langs

    @field_validator("box")
    @classmethod
    def _is_box(cls, box: tuple[float, ...]) -> tuple[float, ...]:
        if box:
            west, south, east, north = box
            if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
                raise ValueError("west, south, east, north in degrees, south below north")
        return box

    @property
    def is_plain(self) -> bool:
        """Whether nothing was asked for: an ordinary supervision run."""
        return self == CollectRequest()

    def addresses(self, usual: Sequence[SourceAddress]) -> tuple[SourceAddress, ...]:
        """What to collect, the selection among the keys of each address.

        Args:
            usual: what to collect where no source is named; a form's address of X has its budget.

        Raises:
            AirflowFailException: a file outside of the forms' folder, X without a budget, or a limit that each of
                several sources would have to itself.
        """
        if self.limit and not self.source and len(usual) > 1:
            raise AirflowFailException(
                f"refused: limit: hashtide_source names {len(usual)} sources, and each would have this limit to "
                "itself; name one of them as the source"
            )
        sources = [as_allowed(self.source, usual)] if self.source else usual
        return tuple(each.with_keys(self._keys) for each in sources)

    @property
    def _keys(self) -> dict[str, Sequence[str]]:
        """The selection as keys of an address."""
        keys: dict[str, Sequence[str]] = {}
        for name in ("terms", "hashtags", "langs"):
            if values := getattr(self, name):
                keys[name] = values
        if self.box:
            keys["box"] = [f"{degrees:g}" for degrees in self.box]
        if self.located_only:
            keys["located"] = ("1",)
        if self.limit:
            keys["limit"] = (str(self.limit),)
        if self.minutes:
            keys["duration_s"] = (str(self.minutes * 60),)
        return keys


def request_of(context: Context) -> CollectRequest:
    """What this run asks for; a scheduled one asks for nothing.

    Raises:
        AirflowFailException: something else than the form's fields, or a value that they refuse.
    """
    return checked(dict(context["params"]), dict(context["dag_run"].conf or {}))


def checked(params: Mapping[str, Any], conf: Mapping[str, Any]) -> CollectRequest:
    """The request, if it is one.

    Args:
        params: the form's fields, with what the run's conf says laid over them.
        conf: the run's conf; Airflow lets unknown keys pass, we don't.

    Raises:
        AirflowFailException: says what was wrong with which field.
    """
    refuse_unknown(conf, PARAMS)
    given = {name: value for name in PARAMS if (value := params.get(name)) not in (None, "")}
    for name in ("terms", "hashtags", "langs", "box"):
        if name in given:
            given[name] = tuple(part.strip() for part in str(given[name]).split(",") if part.strip())
    return validated(CollectRequest, given)
