"""`lightbox collect discover`: the resources that a server announces (RFC 6690)."""

from collections.abc import Sequence
from typing import Final

from lightbox.collect.address import Address
from lightbox.collect.callbacks import StatusCallback
from lightbox.collect.connect import connect
from lightbox.collect.errors import CollectError
from lightbox.collect.retry import with_retries

COLUMNS: Final = ("path", "rt", "if", "ct", "observable", "title")


async def discover_links(address: Address, query: str | None, *, key: str | None, on_status: StatusCallback) -> str:
    """The document in link-format as the server sends it, filtered by `query`. Raises `CollectError`."""
    async with connect(address, key, on_status) as transport:
        return await with_retries(lambda: transport.discover(query))


def link_rows(document: str) -> list[Sequence[str | None]]:
    """The links of a document in link-format as rows of `COLUMNS`. Raises `CollectError` if it can't be parsed."""
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
