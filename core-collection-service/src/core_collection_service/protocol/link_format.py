"""The CoRE Link Format (RFC 6690 section 2): links read and written, and the filter of section 4.1.

Read as strictly as the RFC writes it: no blanks between the elements, no link left out, quoted strings with commas,
semicolons and quoted pairs in them. Written with quotes but for the cardinals of `sz` and `ct` and for extended values
(`title*`), which may have none.
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
"""The name of an attribute, the value, and whether more may follow it."""


class MalformedLinks(ValueError):
    """What came is no link format; the text says where."""


@dataclass(frozen=True, slots=True)
class Link:
    """A target and its attributes in their order; an attribute without a value, such as `obs`, has None."""

    href: str
    attributes: tuple[tuple[str, str | None], ...] = ()

    def values(self, name: str) -> list[str]:
        """All values of an attribute, one by one where it holds several; without a value it is as an empty one."""
        found = [value or "" for key, value in self.attributes if key == name]
        return [each for value in found for each in value.split(" ")] if name in RELATION_TYPES else found

    def __str__(self) -> str:
        return f"<{self.href}>" + "".join(_written(name, value) for name, value in self.attributes)


def write(links: Iterable[Link]) -> str:
    """A link-format document; no links are an empty one."""
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

    `query` is that of an HTTP request, percent-encoded, or CoAP's Uri-Query options, which are not. RFC 6690 knows one
    filter in a query; of several all must hold, as in a resource directory (RFC 9176 section 6.1). What is no filter,
    having no `=`, is ignored.
    """
    filters = list(_filters(query))
    return [link for link in links if all(_passes(link, each) for each in filters)]


def _filters(query: str | Sequence[str] | None) -> Iterable[Filter]:
    encoded = isinstance(query, str)
    for part in query.split("&") if isinstance(query, str) else query or ():
        name, separator, pattern = part.partition("=")
        if name and separator:
            # A star that is written %2A stands for itself: the grammar of section 4.1 has it inside of values only so.
            wanted = pattern.removesuffix("*")
            value = unquote_to_bytes(wanted) if encoded else wanted.encode()
            yield unquote_to_bytes(name).decode(errors="replace") if encoded else name, value, wanted != pattern


def _passes(link: Link, wanted: Filter) -> bool:
    name, value, prefix = wanted
    values = [link.href] if name == "href" else link.values(name)
    # Compared bitwise: no case is folded, no other normal form is the same.
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
