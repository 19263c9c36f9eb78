"""The ways in which Graph addresses an item: by id, by a path with colons, and both together."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from graph_server.drive import Drive, Item
from graph_server.errors import GraphFault

_FUNCTION: Final = re.compile(r"(\w+)\((?:token='([^']*)')?\)")


@dataclass
class Address:
    """What a request is about."""

    item: Item | None
    """None if the path names what is not there."""
    parent: Item | None
    """The folder, where the item is named by its path."""
    name: str
    verb: str
    """What follows the item, such as `children`."""
    argument: str | None = None
    """That of a function: `latest` in `delta(token='latest')`."""

    def existing(self) -> Item:
        """Raises 404."""
        if self.item is None:
            raise GraphFault(404, "itemNotFound", "The resource could not be found.")
        return self.item


def parse_address(drive: Drive, raw: str) -> Address:
    """`raw` is what follows the drive, as it was sent: `root:/a/b:/content`, `items/ID/children`, `root/delta()`.
    Raises 404 and 400."""
    if raw == "":
        return Address(drive.root, None, "", "drive")
    segments = unquote(raw).split("/")  # clients may encode the slashes of a path too
    if segments[0] == "items" and len(segments) > 1:
        del segments[0]
    elif segments[0].partition(":")[0] != "root":
        raise GraphFault(400, "BadRequest", f"Resource not found for the segment '{segments[0]}'.")
    item_id, colon, _ = segments[0].partition(":")
    item: Item | None = drive.item(item_id)
    parent, name, rest = None, "", segments[1:]
    if colon:
        path, rest = _until_colon(rest)
        for name in path:
            if item is None:
                raise GraphFault(404, "itemNotFound", "The resource could not be found.")
            parent, item = item, drive.child(item, name)
    function = _FUNCTION.fullmatch("/".join(rest))
    if function is not None:
        return Address(item, parent, name, function[1], function[2])
    return Address(item, parent, name, "/".join(rest))


def _until_colon(segments: list[str]) -> tuple[list[str], list[str]]:
    for index, segment in enumerate(segments):
        if segment.endswith(":"):
            return [*segments[:index], segment[:-1]], segments[index + 1 :]
    return segments, []
