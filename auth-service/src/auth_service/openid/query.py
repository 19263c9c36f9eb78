"""The queries of requests that browsers bring, and those of the addresses to which they are sent back."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import parse_qsl, urlencode

from lightbox_shared.requests.forms import is_storable

MAX_PARAMETERS: Final = 50


def parameters(query: str) -> Mapping[str, Sequence[str]]:
    """The values of each parameter. Raises `ValueError` for too many, for what is not UTF-8, and for characters that
    can't be stored."""
    pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    if not all(is_storable(text) for pair in pairs for text in pair):
        raise ValueError("The query has characters that can't be stored.")
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values


def only(values: Mapping[str, Sequence[str]], name: str) -> str | None:
    """The value of a parameter; None for one that is absent, empty or repeated."""
    found = values.get(name, ())
    return (found[0] or None) if len(found) == 1 else None


def with_parameters(uri: str, pairs: Iterable[tuple[str, str]]) -> str:
    """A registered address, which has no fragment, with more parameters. Its own query is retained as it is (RFC 6749
    section 3.1.2)."""
    between = "?" if "?" not in uri else "" if uri.endswith(("?", "&")) else "&"
    return f"{uri}{between}{urlencode(list(pairs))}"
