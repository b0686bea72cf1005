"""The counting rules of a generation: the settings that change what its counts mean."""

import json
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from contract.names import DEDUP_WINDOW_MIN, RETWEETS, WORDS, Retweets, Words
from formats import words
from formats.parsed import Parsed

if TYPE_CHECKING:
    from counting.files import Files  # the driver's: executors need no JVM for this


class CountingRules(BaseModel):
    """What is counted of a post.

    Attributes:
        retweets: `full`: a repost has the text and hashtags of the post that it repeats; `own`: its own, as they came.
        words: `plain`: the text split on white space; `clean`: see formats/words.py.
        dedup_window_min: minutes of processing time for which a repeat of it is recognised.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    retweets: Retweets = RETWEETS[0]
    words: Words = WORDS[0]
    dedup_window_min: int = Field(default=DEDUP_WINDOW_MIN, ge=1)

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
    """The generation was begun with other counting rules than those asked for."""


def pin_rules(files: "Files", path: str, rules: CountingRules, *, is_new: bool) -> None:
    """Writes a new generation's rules beside its checkpoint; compares an older generation's with those asked for.

    A generation that began before there was a choice follows the defaults.

    Raises:
        CountingRulesChanged: the generation would mix two kinds of counts.
    """
    text = files.read_text(path) if files.exists(path) else ""
    if is_new and not text:  # empty: a start that was killed while it wrote
        files.delete(path)
        files.write_text(path, json.dumps(rules.model_dump()))
        return
    pinned = CountingRules.model_validate_json(text) if text else CountingRules()
    if pinned != rules:
        raise CountingRulesChanged(
            f"this generation counts with {_options(pinned)}, but was asked for {_options(rules)}: "
            "other counting rules need a new generation (--generation)"
        )


def _options(rules: CountingRules) -> str:
    return f"--retweets {rules.retweets} --words {rules.words} --dedup-window-min {rules.dedup_window_min}"
