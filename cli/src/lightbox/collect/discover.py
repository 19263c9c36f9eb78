"""`lightbox collect discover`: what a server announces (RFC 6690)."""

from collections.abc import Callable, Sequence

from lightbox.collect.address import Address
from lightbox.collect.errors import CollectError
from lightbox.collect.retry import with_retries
from lightbox.collect.transport import connected

COLUMNS = ("path", "rt", "if", "ct", "observable", "title")


async def discover_links(address: Address, query: str | None, *, key: str | None, say: Callable[[str], None]) -> str:
    """The document as it came. Raises `CollectError`."""
    async with connected(address, key, say) as transport:
        return await with_retries(lambda: transport.discover(query), say)


def rows_of(document: str) -> list[Sequence[str | None]]:
    """Its links as rows of `COLUMNS`. Raises `CollectError`."""
    from aiocoap.util import linkformat  # noqa: PLC0415 - takes its time to load

    try:
        links = linkformat.parse(document).links if document else []
    except ValueError as error:
        raise CollectError("The server's links are not understood here.") from error
    rows: list[Sequence[str | None]] = []
    for link in links:
        found = dict(link.attr_pairs)
        observable = "yes" if "obs" in found else None
        rows.append((link.href, found.get("rt"), found.get("if"), found.get("ct"), observable, found.get("title")))
    return rows
