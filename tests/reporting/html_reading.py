"""Read a page as a browser would, as far as the tests ask."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "hr", "img", "input"}


@dataclass
class Element:
    """A start tag with its attributes, and all the text below it."""

    tag: str
    attributes: dict[str, str]
    ancestors: list["Element"] = field(repr=False)
    text: str = ""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self.open: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs}, list(self.open))
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}, list(self.open)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.text += data


def elements_of(page: bytes) -> list[Element]:
    """Every element in document order; fails where tags do not nest."""
    reader = _Reader()
    reader.feed(page.decode())
    reader.close()
    assert not reader.open, f"never closed: {reader.open}"
    return reader.elements


def texts_of(page: bytes, tag: str) -> list[str]:
    """The text of every element of a kind, white space made one."""
    return [" ".join(element.text.split()) for element in elements_of(page) if element.tag == tag]
