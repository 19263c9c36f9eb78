"""The items of one drive: a tree, whose changes are numbered, so that `delta` can tell them."""

import base64
import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from graph_server.errors import GraphFault

GIB: Final = 1024**3
_FORBIDDEN: Final = frozenset('"*:<>?/\\|')


def new_id() -> str:
    """An id in the form that items of OneDrive have."""
    return "01" + base64.b32encode(secrets.token_bytes(20)).decode()


def timestamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Item:
    """A file or folder."""

    id: str
    name: str
    parent_id: str | None
    is_folder: bool
    content: bytes = b""
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    modified: datetime = field(default_factory=lambda: datetime.now(UTC))
    version: int = 1


class Drive:
    """The drive of one user."""

    def __init__(self, owner: str, total: int = 5 * GIB) -> None:
        self.id = secrets.token_hex(8)
        self.owner = owner
        self.total = total
        self.root = Item(new_id(), "root", None, is_folder=True)
        self.items = {self.root.id: self.root}
        self.changes = {self.root.id: 1}
        """The number of the last change of each item, deleted ones included."""
        self.gone: dict[str, str] = {}
        """Deleted items, with their parents."""
        self.sequence = 1

    # Reading ---------------------------------------------------------------------------------------------------------

    def item(self, item_id: str) -> Item:
        """Raises 404."""
        found = self.root if item_id == "root" else self.items.get(item_id)
        if found is None:
            raise GraphFault(404, "itemNotFound", "The resource could not be found.")
        return found

    def children(self, item: Item) -> list[Item]:
        found = (each for each in list(self.items.values()) if each.parent_id == item.id)
        return sorted(found, key=lambda each: each.name.casefold())

    def child(self, item: Item, name: str) -> Item | None:
        """Names are compared without case."""
        return next((each for each in self.children(item) if each.name.casefold() == name.casefold()), None)

    def size(self, item: Item) -> int:
        return len(item.content) + sum(self.size(each) for each in self.children(item))

    def below(self, item: Item) -> Iterator[Item]:
        """The item and all below it."""
        yield item
        for each in self.children(item):
            yield from self.below(each)

    def used(self) -> int:
        return self.size(self.root)

    # Changing --------------------------------------------------------------------------------------------------------

    def add_folder(self, name: str, parent: Item | None = None, *, conflict: str = "fail") -> Item:
        parent = parent or self.root
        check_name(name)
        there = self.child(parent, name)
        if there is not None:
            if conflict == "replace":
                self.delete(there)
            else:
                name = self._free_name(parent, name, conflict)
        item = Item(new_id(), name, parent.id, is_folder=True)
        self.items[item.id] = item
        self._changed(item)
        return item

    def put_file(
        self, name: str, content: bytes, parent: Item | None = None, *, conflict: str = "replace"
    ) -> tuple[Item, bool]:
        """The item, and whether it is new. Raises 409, and 507 where there is no room."""
        parent = parent or self.root
        check_name(name)
        there = self.child(parent, name)
        if self.used() + len(content) > self.total:
            raise GraphFault(507, "quotaLimitReached", "Insufficient space.")
        if there is not None and conflict == "replace" and not there.is_folder:
            there.content, there.modified = content, datetime.now(UTC)
            self._changed(there)
            return there, False
        if there is not None:
            name = self._free_name(parent, name, conflict)
        item = Item(new_id(), name, parent.id, is_folder=False, content=content)
        self.items[item.id] = item
        self._changed(item)
        return item, True

    def rename(self, item: Item, name: str) -> None:
        check_name(name)
        if item is self.root:
            raise GraphFault(403, "accessDenied", "The root can't be changed.")
        there = self.child(self.items[item.parent_id or ""], name)
        if there is not None and there is not item:
            raise GraphFault(409, "nameAlreadyExists", "Name already exists")
        item.name, item.modified = name, datetime.now(UTC)
        self._changed(item)

    def move(self, item: Item, parent: Item) -> None:
        if parent in self.below(item):
            raise GraphFault(400, "invalidRequest", "A folder can't be moved into itself.")
        if self.child(parent, item.name) is not None:
            raise GraphFault(409, "nameAlreadyExists", "Name already exists")
        before = self.items[item.parent_id or ""]
        item.parent_id = parent.id
        self._changed(item)
        self._changed(before)

    def delete(self, item: Item) -> None:
        if item is self.root:
            raise GraphFault(403, "accessDenied", "The root can't be deleted.")
        parent = self.items[item.parent_id or ""]
        for each in list(self.below(item)):
            del self.items[each.id]
            self.gone[each.id] = each.parent_id or ""
            self._number(each.id)
        self._changed(parent)

    def _changed(self, item: Item | None) -> None:
        """The folders above change too: their sizes do."""
        while item is not None:
            item.version += 1
            self._number(item.id)
            item = self.items.get(item.parent_id or "")

    def _number(self, item_id: str) -> None:
        self.sequence += 1
        self.changes[item_id] = self.sequence

    def _free_name(self, parent: Item, name: str, conflict: str) -> str:
        if conflict != "rename":
            raise GraphFault(409, "nameAlreadyExists", "Name already exists")
        stem, dot, suffix = name.rpartition(".")
        number = 1
        while self.child(parent, candidate := f"{stem} {number}.{suffix}" if dot and stem else f"{name} {number}"):
            number += 1
        return candidate

    # As Graph writes it ----------------------------------------------------------------------------------------------

    def render(self, item: Item, *, with_path: bool = True) -> dict[str, Any]:
        """The driveItem; `delta` leaves the path of the parent out."""
        facts: dict[str, Any] = {
            "id": item.id,
            "name": item.name,
            "size": self.size(item),
            "eTag": f'"{{{item.id}}},{item.version}"',
            "cTag": f'"c:{{{item.id}}},{item.version}"',
            "createdDateTime": timestamp(item.created),
            "lastModifiedDateTime": timestamp(item.modified),
            "webUrl": f"https://onedrive.example/{item.id}",
            "fileSystemInfo": {
                "createdDateTime": timestamp(item.created),
                "lastModifiedDateTime": timestamp(item.modified),
            },
        }
        if item.parent_id is None:
            facts |= {"root": {}, "parentReference": {"driveId": self.id, "driveType": "personal"}}
        else:
            parent = self.items[item.parent_id]
            reference = {"driveId": self.id, "driveType": "personal", "id": parent.id}
            facts["parentReference"] = reference | ({"path": self._path(parent)} if with_path else {})
        if item.is_folder:
            facts["folder"] = {"childCount": len(self.children(item)), "view": {}}
        else:
            mime = "image/png" if item.name.lower().endswith(".png") else "application/octet-stream"
            digest = hashlib.sha256(item.content).hexdigest().upper()
            facts["file"] = {"mimeType": mime, "hashes": {"sha256Hash": digest}}
        return facts

    def render_gone(self, item_id: str) -> dict[str, Any]:
        """A deleted item in `delta`."""
        return {"id": item_id, "deleted": {"state": "deleted"}, "parentReference": {"driveId": self.id}}

    def render_drive(self) -> dict[str, Any]:
        used = self.used()
        remaining = max(0, self.total - used)
        state = "exceeded" if not remaining else "nearing" if remaining < self.total / 10 else "normal"
        quota = {"total": self.total, "used": used, "remaining": remaining, "deleted": 0, "state": state}
        owner = {"user": {"id": self.owner, "displayName": self.owner}}
        return {"id": self.id, "driveType": "personal", "owner": owner, "quota": quota}

    def _path(self, folder: Item) -> str:
        names: list[str] = []
        while folder.parent_id is not None:
            names.insert(0, folder.name)
            folder = self.items[folder.parent_id]
        return "/drive/root:" + "".join(f"/{name}" for name in names)


def check_name(name: object) -> None:
    """Raises 400 for what is no name."""
    valid = isinstance(name, str) and 0 < len(name) <= 255 and name == name.strip(" ") and not _FORBIDDEN & set(name)
    if not valid or name in {".", ".."}:
        raise GraphFault(400, "invalidRequest", "The provided name cannot contain these characters.")
