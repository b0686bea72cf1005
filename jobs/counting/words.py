"""The words of a post's text, each once, by identity (docs/contracts.md, Terms)."""

from counting import terms


def plain(text: str) -> list[str]:
    """The text split on white space, as the counting of words always did."""
    return terms.different(text.split())


def clean(text: str, lang: str) -> list[str]:  # noqa: ARG001 - being written
    """The words that say what a post of this language is about."""
    return plain(text)
