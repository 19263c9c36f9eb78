"""All that the server knows."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from graph_server.drive import Drive, Item
from graph_server.faults import Faults
from graph_server.identity import Identity

CONTENT_HOST: Final = "localhost"
"""The name of the host that has bytes; Graph itself is asked under another one."""


@dataclass
class Upload:
    """An upload session."""

    drive: Drive
    parent: Item
    name: str
    conflict: str
    defer: bool
    end: str
    data: bytearray = field(default_factory=bytearray)
    total: int | None = None


@dataclass
class Enumeration:
    """Where a `$skiptoken`, or the token of a deltaLink, goes on."""

    drive: Drive
    ids: Sequence[str]
    offset: int
    sequence: int
    """The number of the last change when the enumeration began."""
    is_full: bool
    query: dict[str, str]


@dataclass
class GraphState:
    """Users with their drives, and what is under way."""

    identity: Identity = field(default_factory=Identity)
    faults: Faults = field(default_factory=Faults)
    drives: dict[str, Drive] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    downloads: dict[str, Item] = field(default_factory=dict)
    enumerations: dict[str, Enumeration] = field(default_factory=dict)
    user: str = "ada@example.com"
    """Who is signed in at the page for the consent, unless `login_hint` says otherwise."""
    consents: bool = True
    """Whether they consent."""
    page_size: int = 200
    repeats_in_delta: bool = False
    """Whether pages of `delta` show older states of items before the latest."""
    upload_seconds: float = 24 * 3600.0

    def drive_of(self, user: str) -> Drive:
        """The drive of a user, which is there from the first use on."""
        return self.drives.setdefault(user, Drive(user))

    def forget_enumerations(self) -> None:
        """Every link to a next page or to changes has expired."""
        self.enumerations.clear()


def secret() -> str:
    """What nobody guesses, for addresses."""
    return secrets.token_urlsafe(24)


Json = dict[str, Any]
