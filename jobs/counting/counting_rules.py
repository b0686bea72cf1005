"""What the counts of a generation mean: the two settings that change them."""

import json
from typing import TYPE_CHECKING, Literal, get_args

from pydantic import BaseModel, ConfigDict

from formats import words
from formats.parsed import Parsed

if TYPE_CHECKING:
    from counting.files import Files  # the driver's: executors need no JVM for this

Retweets = Literal["full", "own"]
Words = Literal["plain", "clean"]
RETWEETS: tuple[str, ...] = get_args(Retweets)
WORDS: tuple[str, ...] = get_args(Words)


class CountingRules(BaseModel):
    """What is counted of a post.

    Attributes:
        retweets: `full`: a repost has the text and hashtags of the post that it repeats; `own`: its own, as they came.
        words: `plain`: the text split on white space; `clean`: see formats/words.py.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    retweets: Retweets = "full"
    words: Words = "plain"

    def hashtags(self, parsed: Parsed) -> tuple[str, ...]:
        """A post's hashtags as they were written."""
        if self.retweets == "own" and parsed.own_hashtags is not None:
            return parsed.own_hashtags
        return parsed.hashtags

    def terms(self, parsed: Parsed) -> list[str]:
        """The identities of a post's words, each once."""
        own = self.retweets == "own" and parsed.own_text is not None
        text = (parsed.own_text or "") if own else parsed.text
        return words.plain(text) if self.words == "plain" else words.clean(text, parsed.lang)


class CountingRulesChanged(ValueError):  # noqa: N818 - it states a condition
    """The generation's counts mean something else than what was asked for."""


def hold(files: "Files", path: str, meaning: CountingRules, *, is_new: bool) -> None:
    """Keeps a new generation's meaning beside its checkpoint; of an older one, checks it.

    A generation that began before there was a choice counts as the defaults say.

    Raises:
        CountingRulesChanged: its counts would be of two kinds.
    """
    text = files.read_text(path) if files.exists(path) else ""
    if is_new and not text:  # empty: a start that was killed while it wrote
        files.delete(path)
        files.write_text(path, json.dumps(meaning.model_dump()))
        return
    kept = CountingRules.model_validate_json(text) if text else CountingRules()
    if kept != meaning:
        raise CountingRulesChanged(
            f"this generation counts {_said(kept)}, asked for is {_said(meaning)}: "
            "another meaning needs a new generation (--generation)"
        )


def _said(meaning: CountingRules) -> str:
    return f"--retweets {meaning.retweets} --words {meaning.words}"
