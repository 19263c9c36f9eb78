"""The CoRE Link Format (RFC 6690 section 2): links read and written, and the filter of section 4.1.

Documents are read as strictly as the RFC defines them: no blanks between the elements, no empty links, and quoted
strings may contain commas, semicolons and quoted pairs. Values are written with quotes, except single cardinals of `sz`
and `ct`, and extended values (`title*`), which must not have quotes.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn
from urllib.parse import unquote_to_bytes

RELATION_TYPES: Final = frozenset({"rel", "rev", "rt", "if"})
"""The attributes that hold several values, separated by blanks (RFC 6690 section 2, `relation-types`)."""

_TARGET: Final = re.compile(r"<([^<>\"\s]*)>")
_ATTRIBUTE: Final = re.compile(r';([!#$&+\-.^_`|~0-9A-Za-z]+\*?)(?:=(?:"((?:[^"\\]|\\.)*)"|([^",;\\\s]+)))?', re.DOTALL)
_QUOTED_PAIR: Final = re.compile(r"\\(.)", re.DOTALL)
_TO_ESCAPE: Final = re.compile(r'(["\\])')
_CARDINAL: Final = re.compile(r"0|[1-9][0-9]*")
_CARDINALS: Final = frozenset({"sz", "ct"})

Filter = tuple[str, bytes, bool]
"""The name of an attribute, a value, and whether the attribute may go on after it (`*`)."""


class MalformedLinks(ValueError):
    """The text is not a link-format document; the message says where."""


@dataclass(frozen=True, slots=True)
class Link:
    """A target and its attributes, in order. The value of an attribute without one, such as `obs`, is None."""

    href: str
    attributes: tuple[tuple[str, str | None], ...] = ()

    def values(self, name: str) -> list[str]:
        """All values of an attribute, each by itself if the attribute holds several (`RELATION_TYPES`); an attribute
        without a value counts as one with an empty value."""
        found = [value or "" for key, value in self.attributes if key == name]
        return [each for value in found for each in value.split(" ")] if name in RELATION_TYPES else found

    def __str__(self) -> str:
        return f"<{self.href}>" + "".join(_written(name, value) for name, value in self.attributes)


def write(links: Iterable[Link]) -> str:
    """The link-format document of these links, which is empty for none."""
    return ",".join(map(str, links))


def parse(document: str) -> list[Link]:
    """The links of a document. Raises `MalformedLinks`."""
    links: list[Link] = []
    at = 0
    while at < len(document):
        if links:
            if document[at] != ",":
                _malformed(at)
            at += 1
        target = _TARGET.match(document, at)
        if target is None:
            _malformed(at)
        at = target.end()
        attributes: list[tuple[str, str | None]] = []
        while found := _ATTRIBUTE.match(document, at):
            name, quoted, plain = found.groups()
            attributes.append((name, plain if quoted is None else _QUOTED_PAIR.sub(r"\1", quoted)))
            at = found.end()
        links.append(Link(target[1], tuple(attributes)))
    return links


def select(links: Iterable[Link], query: str | Sequence[str] | None) -> list[Link]:
    """The links that every filter of the query lets pass.

    `query` is that of an HTTP request, percent-encoded, or a sequence of CoAP's Uri-Query options, which are not. RFC
    6690 has one filter in a query; of several all have to pass, as in a resource directory (RFC 9176 section 6.1). A
    part without `=` is not a filter and is ignored.
    """
    filters = list(_filters(query))
    return [link for link in links if all(_passes(link, each) for each in filters)]


def _filters(query: str | Sequence[str] | None) -> Iterable[Filter]:
    encoded = isinstance(query, str)
    for part in query.split("&") if isinstance(query, str) else query or ():
        name, separator, pattern = part.partition("=")
        if name and separator:
            # A star inside of a value is written %2A in the grammar of section 4.1, so that one stands for itself.
            wanted = pattern.removesuffix("*")
            value = unquote_to_bytes(wanted) if encoded else wanted.encode()
            yield unquote_to_bytes(name).decode(errors="replace") if encoded else name, value, wanted != pattern


def _passes(link: Link, wanted: Filter) -> bool:
    name, value, prefix = wanted
    values = [link.href] if name == "href" else link.values(name)
    # Compared bitwise: neither case nor Unicode normal forms are equalised.
    return any(each.startswith(value) if prefix else each == value for each in (text.encode() for text in values))


def _written(name: str, value: str | None) -> str:
    if value is None:
        return f";{name}"
    if name.endswith("*") or (name in _CARDINALS and _CARDINAL.fullmatch(value)):
        return f";{name}={value}"
    escaped = _TO_ESCAPE.sub(r"\\\1", value)
    return f';{name}="{escaped}"'


def _malformed(at: int) -> NoReturn:
    raise MalformedLinks(f"not a link at character {at}")
